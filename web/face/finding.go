package face

import "time"

// A Finding is a measurement short of its reference and what someone does about
// it: one row of "What to do".
type Finding struct {
	ID       string
	Title    string // what it is about: room, examination, group
	Sentence string // the gap, as a reader can quote it
	Glyph    Glyph
	State    Choice // open, in work, measured again, closed, withdrawn
	Owner    Choice // Code is the person's id; empty means nobody yet
	Due      time.Time
	Overdue  bool
	Note     string
	Opened   time.Time
	Href     string // where the evidence is
	Changes  []Change
	Settled  bool // withdrawn or closed: shown quietly
}

// A Change is one entry of a finding's history.
type Change struct {
	At   time.Time
	Who  string
	What string
}

// A FindingForm is what a person can change about findings, and where it goes.
type FindingForm struct {
	Action string            // address of the POST; the finding's id is sent as "id"
	Back   string            // address to return to
	States []Choice          // states a person may set
	People []Choice          // who can own one
	Errors map[string]string // by field name, for the finding Wrong
	Wrong  string            // id of the finding whose form was refused
}

// isoDate writes a day as a date input wants it, "" for none.
func isoDate(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.DateOnly)
}
