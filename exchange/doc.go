// Package exchange finds the HTTP exchanges in the bytes of a connection.
package exchange
