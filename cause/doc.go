// Package cause says what the time of an exchange was for.
package cause
