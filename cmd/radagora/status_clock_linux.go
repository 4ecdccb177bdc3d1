package main

import "golang.org/x/sys/unix"

// synchronised reports whether the clock is kept by another one, and whether that is
// known (adjtimex(2)).
func synchronised() (yes, known bool) {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	return err == nil && state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0, err == nil
}
