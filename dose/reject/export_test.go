package reject

import (
	"time"

	"radagora/dose/entry"
)

// ReadLog reads a file as Import does.
func ReadLog(raw []byte) (entry.Sheet, error) { return readLog(raw) }

// Read reads the rows of a log, and returns how many there are.
func (l Layout) Read(s entry.Sheet, now time.Time) (int, error) {
	rows, err := l.read(s, now)
	return len(rows), err
}
