//go:build race

package main

// raceDetector tells that memory is not what it is without it.
const raceDetector = true
