// Package flow makes TCP connections of the segments of a capture.
package flow
