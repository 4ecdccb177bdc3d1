package entry

// A Sheet is a table as it was read: fields as text, without what a program makes of
// them. A line that says nothing is nil.
type Sheet struct {
	Format string // csv, xlsx
	Lines  [][]string
}

// ReadSheet reads a table for other rooms as Import reads one: XLSX if it begins like
// one, or else text divided by commas, semicolons or tabs. Invalid: it is neither;
// Exhausted: it is too large.
func ReadSheet(raw []byte) (Sheet, error) {
	s, err := readSheet(raw)
	return Sheet{s.format, s.lines}, err
}

// WriteCSV writes a table as CSV, in which every line keeps its number.
func (s Sheet) WriteCSV() []byte { return sheet{format: s.Format, lines: s.Lines}.writeText() }

// Header returns the line that names the columns, counted from 0, and where each name
// stands. Names that stand twice keep the first place. It is -1 without one.
func (s Sheet) Header() (line int, at map[string]int) {
	return sheet{format: s.Format, lines: s.Lines}.header()
}

// DayOf reads a day as tables write it, and returns it as 2006-01-02; false if it is
// none, or nobody can say which is the month.
func DayOf(s string) (string, bool) { return dayOf(s) }

// ClockOf reads a time of day as tables write it, and returns it as 15:04:05.
func ClockOf(s string) (string, bool) { return clockOf(s) }
