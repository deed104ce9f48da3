//go:build !race

package main

// raceDetector tells that memory is what users will see.
const raceDetector = false
