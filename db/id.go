package db

import (
	"time"

	"github.com/google/uuid"
)

// NewID returns a new UUIDv7 as text (RFC 9562 §5.7), later in order than every
// one this process made before, also after the clock stepped back. It is safe for
// concurrent use.
func NewID() string {
	return uuid.Must(uuid.NewV7()).String() // fails only without a source of randomness
}

// Millis returns t as the database holds instants: milliseconds since 1970 UTC. It
// is 0 for the zero time.
func Millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// FromMillis returns the instant that Millis made ms of, in UTC: the zero time for 0.
func FromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
