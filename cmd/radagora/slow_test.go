package main

import "testing"

// slow leaves a test out of the short run, which is the one under the race detector:
// it takes seconds without it and minutes with it, and what it starts at once is
// started at once by quicker tests too.
func slow(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("takes long: left out with -short, and so under the race detector")
	}
}
