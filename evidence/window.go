package evidence

import (
	"strconv"
	"strings"
	"time"
)

// A Window is the time a fact looks back, as the catalogue writes it: "90 d", or
// "now" for a fact about the present.
type Window string

// Now is the window of a fact about the present.
const Now Window = "now"

// Days returns the number of days, 0 for Now.
func (w Window) Days() int {
	days, _ := w.days()
	return days
}

// Before returns the begin of the window that ends at t: t itself for Now.
func (w Window) Before(t time.Time) time.Time { return t.AddDate(0, 0, -w.Days()) }

// valid reports whether the window can be read.
func (w Window) valid() bool {
	_, ok := w.days()
	return ok
}

func (w Window) days() (int, bool) {
	if w == Now {
		return 0, true
	}
	number, ok := strings.CutSuffix(string(w), " d")
	days, err := strconv.Atoi(number)
	return days, ok && err == nil && days > 0
}
