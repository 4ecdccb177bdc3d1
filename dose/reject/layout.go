package reject

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"radagora/db"
	"radagora/dose/entry"
	"radagora/fault"
)

// Fields are what the columns of a log may be, in the order of a form.
func Fields() []string {
	return []string{"machine", "date", "time", "exam", "view", "rejected", "reason", "exposure_index"}
}

// A Layout says how the logs of a vendor's software are read.
type Layout struct {
	Vendor  string `json:"vendor"`
	Release string `json:"release,omitempty"` // version of the software

	Columns  map[string]string `json:"columns,omitempty"`  // by field, the name of the column; fields that are missing have their own name
	Rejected []string          `json:"rejected,omitempty"` // what the column "rejected" says of a rejected exposure
	Accepted []string          `json:"accepted,omitempty"` // and of an accepted one
	All      bool              `json:"all,omitempty"`      // the log holds rejected exposures alone
	Days     string            `json:"days,omitempty"`     // order of days written as 03/04/2026: dmy, mdy; "" refuses them
	Machine  string            `json:"machine,omitempty"`  // id of the machine of all rows
	Machines map[string]string `json:"machines,omitempty"` // by what the log calls it, the id of a machine
}

// What may be wrong with a row of a log, as codes.
const (
	WrongMachine  = "machine"  // nobody knows it
	WrongDay      = "day"      // none, or one that is to come, or nobody can say which is the month
	WrongClock    = "clock"    // no time of day
	WrongRejected = "rejected" // neither a word for rejected nor one for accepted
	WrongExposure = "exposure" // no number
	WrongText     = "text"     // too long
	WrongTwice    = "twice"    // the same exposure is in another file
)

// A Wrong is what is wrong with a row: a code, never what stands in it.
type Wrong struct {
	Line   int    `json:"line"` // from 1, the header is the first; of XML the rows are counted
	Column string `json:"column,omitempty"`
	Rule   string `json:"rule"` // see Wrong…
}

// maxText bounds each text that is kept of a row.
const maxText = 200

// yes and no are words that logs write of rejected exposures, where the layout names none.
var (
	yes = []string{"1", "y", "yes", "true", "rejected", "reject", "ja", "verworfen", "oui", "rejeté", "rejetée", "r"}
	no  = []string{"", "0", "n", "no", "false", "accepted", "accept", "nein", "akzeptiert", "non", "accepté", "acceptée", "a"}
)

// check says what is wrong with a layout.
func (l Layout) check() error {
	switch {
	case strings.TrimSpace(l.Vendor) == "" || len(l.Vendor) > maxText || len(l.Release) > maxText || !utf8.ValidString(l.Vendor+l.Release):
		return fault.Errorf(fault.Invalid, "reject log: name the vendor of the software that wrote it, in at most %d bytes", maxText)
	case l.Days != "" && l.Days != "dmy" && l.Days != "mdy":
		return fault.Errorf(fault.Invalid, "reject log: the order of days is dmy or mdy")
	}
	for field := range l.Columns {
		if !slices.Contains(Fields(), field) {
			return fault.Errorf(fault.Invalid, "reject log: a column is one of %s", strings.Join(Fields(), ", "))
		}
	}
	return nil
}

// An exposure is a row of a log as it was understood.
type exposure struct {
	line        int
	called      string // what the log calls the machine
	machine     string // id
	day, clock  string
	exam, view  string
	rejected    bool
	reason      string
	index       *float64
	fingerprint string
	wrong       []Wrong
}

// read reads the rows of a log. Invalid: a column that it needs is missing.
func (l Layout) read(s entry.Sheet, now time.Time) ([]exposure, error) {
	head, at := s.Header()
	if head < 0 {
		return nil, fault.Errorf(fault.Invalid, "reject log: it is empty")
	}
	column := l.column(at)
	for _, need := range []string{"date", "rejected", "machine"} {
		if column(need) >= 0 || need == "rejected" && l.All || need == "machine" && l.Machine != "" {
			continue
		}
		return nil, fault.Errorf(fault.Invalid, "reject log: no column is %q: name it in the map of columns", need)
	}
	if column("exam") < 0 && column("view") < 0 {
		return nil, fault.Errorf(fault.Invalid, "reject log: no column is \"exam\" or \"view\": name one in the map of columns")
	}
	latest := now.AddDate(0, 0, 1).Format(time.DateOnly)
	var all []exposure
	for i := head + 1; i < len(s.Lines); i++ {
		if line := s.Lines[i]; slices.ContainsFunc(line, func(f string) bool { return f != "" }) {
			all = append(all, l.row(i+1, latest, func(field string) string {
				if j := column(field); j >= 0 && j < len(line) {
					return line[j]
				}
				return ""
			}))
		}
	}
	return all, nil
}

// column returns where the column of a field stands, -1 for nowhere.
func (l Layout) column(at map[string]int) func(field string) int {
	return func(field string) int {
		name := field
		if n := l.Columns[field]; n != "" {
			name = n
		}
		if i, ok := at[name]; ok {
			return i
		}
		return -1
	}
}

// row reads one row.
func (l Layout) row(line int, latest string, get func(field string) string) exposure {
	x := exposure{line: line, called: get("machine"), machine: l.Machine, exam: get("exam"), view: get("view"), reason: get("reason")}
	wrong := func(column, rule string) { x.wrong = append(x.wrong, Wrong{line, column, rule}) }
	if x.machine == "" {
		x.machine = l.Machines[x.called]
	}
	for _, t := range []struct{ column, text string }{{"machine", x.called}, {"exam", x.exam}, {"view", x.view}, {"reason", x.reason}} {
		if len(t.text) > maxText || strings.ContainsRune(t.text, 0) {
			wrong(t.column, WrongText)
		}
	}
	var ok bool
	if x.day, ok = l.day(get("date")); !ok || x.day > latest || x.day < "1990" {
		wrong("date", WrongDay)
	}
	told := get("time")
	if told == "" {
		told = timeIn(get("date"))
	}
	if x.clock, ok = entry.ClockOf(told); told != "" && !ok {
		wrong("time", WrongClock)
	}
	if x.rejected, ok = l.rejected(get("rejected")); !ok {
		wrong("rejected", WrongRejected)
	}
	if raw := strings.Replace(get("exposure_index"), ",", ".", 1); raw != "" {
		n, err := strconv.ParseFloat(raw, 64)
		if err != nil || n < 0 || n > 1e9 {
			wrong("exposure_index", WrongExposure)
		} else {
			x.index = &n
		}
	}
	return x
}

// timeIn returns the time of a column that tells day and time, "" if it does not.
func timeIn(s string) string {
	if i := strings.IndexAny(s, "T "); i > 0 {
		return strings.TrimSpace(strings.TrimSuffix(s[i+1:], "Z"))
	}
	return ""
}

// day reads a day.
func (l Layout) day(s string) (string, bool) {
	if l.Days != "" {
		day, _, _ := strings.Cut(s, " ")
		layouts := map[string][]string{"dmy": {"2/1/2006", "2-1-2006", "2.1.2006"}, "mdy": {"1/2/2006", "1-2-2006"}}[l.Days]
		for _, layout := range layouts {
			if t, err := time.Parse(layout, day); err == nil {
				return t.Format(time.DateOnly), true
			}
		}
	}
	return entry.DayOf(s)
}

// rejected reads whether an exposure was rejected; false if nobody can say.
func (l Layout) rejected(s string) (rejected, ok bool) {
	same := func(w string) bool { return fold(w) == fold(s) }
	switch {
	case l.All:
		return true, true
	case len(l.Rejected) > 0 && slices.ContainsFunc(l.Rejected, same):
		return true, true
	case len(l.Accepted) > 0 && slices.ContainsFunc(l.Accepted, same):
		return false, true
	case len(l.Rejected) > 0 && len(l.Accepted) == 0:
		return false, true // whatever else it says
	case len(l.Accepted) > 0 && len(l.Rejected) == 0:
		return true, true
	case len(l.Accepted) > 0:
		return false, false
	case slices.ContainsFunc(yes, same):
		return true, true
	}
	return false, slices.ContainsFunc(no, same)
}

// reduced returns a table with the columns that the layout names, and nothing else: who
// operated and who was irradiated is not kept.
func (l Layout) reduced(s entry.Sheet) entry.Sheet {
	head, at := s.Header()
	column := l.column(at)
	var keep []int
	for _, f := range Fields() {
		if i := column(f); i >= 0 && !slices.Contains(keep, i) {
			keep = append(keep, i)
		}
	}
	slices.Sort(keep)
	out := entry.Sheet{Format: s.Format, Lines: make([][]string, len(s.Lines))}
	for n, line := range s.Lines {
		if line == nil || n < head {
			continue
		}
		for _, i := range keep {
			text := ""
			if i < len(line) {
				text = line[i]
			}
			out.Lines[n] = append(out.Lines[n], text)
		}
	}
	return out
}

// readLog reads a file: XML if it begins like it, or else XLSX or text.
func readLog(raw []byte) (entry.Sheet, error) {
	if len(raw) > entry.MostBytes {
		return entry.Sheet{}, fault.Errorf(fault.Exhausted, "table: more than %d bytes", entry.MostBytes)
	}
	if text := bytes.TrimSpace(bytes.TrimPrefix(raw, []byte("\ufeff"))); bytes.HasPrefix(text, []byte("<")) {
		return readXML(text)
	}
	return entry.ReadSheet(raw)
}

// Save keeps how the logs of a vendor's software are read, in the place of what was kept.
func (d *Desk) Save(ctx context.Context, siteID, by string, l Layout) error {
	if err := l.check(); err != nil {
		return err
	}
	return d.DB.Write(ctx, func(tx *db.Tx) error {
		if err := d.save(ctx, tx, siteID, by, l); err != nil {
			return err
		}
		return d.journalled(ctx, tx, siteID, by, "dose.reject.mapped", l.Vendor, map[string]any{"vendor": l.Vendor, "release": l.Release, "columns": l.Columns})
	})
}

// save writes a layout.
func (d *Desk) save(ctx context.Context, tx *db.Tx, siteID, by string, l Layout) error {
	raw, err := json.Marshal(l)
	if err != nil {
		return err
	}
	if len(raw) > 64<<10 {
		return fault.Errorf(fault.Exhausted, "reject log: the map of columns has more than %d bytes", 64<<10)
	}
	_, err = tx.Exec(ctx, `insert into dose_reject_map (site_id, vendor, release, layout, done_by, done_at) values ($1, $2, $3, $4, $5, $6)
		on conflict (site_id, vendor, release) do update set layout = excluded.layout, done_by = excluded.done_by, done_at = excluded.done_at`,
		siteID, l.Vendor, l.Release, string(raw), by, db.Millis(d.Now()))
	return err
}

// Layouts returns the maps of columns that were kept, by vendor and version.
func (d *Desk) Layouts(ctx context.Context, siteID string) ([]Layout, error) {
	return db.List(ctx, d.DB, func(r *db.Rows) (l Layout, err error) {
		var raw string
		if err := r.Scan(&raw); err != nil {
			return l, err
		}
		return l, fault.As(fault.Internal, json.Unmarshal([]byte(raw), &l))
	}, `select layout from dose_reject_map where site_id = $1 order by vendor, release`, siteID)
}

// Layout returns how the logs of a vendor's software are read: of this version, or else of
// the latest that was kept for the vendor; with vendor and release alone if nobody said.
func (d *Desk) Layout(ctx context.Context, siteID, vendor, release string) (Layout, error) {
	found := Layout{Vendor: vendor, Release: release}
	all, err := d.Layouts(ctx, siteID)
	for _, l := range all {
		if l.Vendor != vendor {
			continue
		}
		found = l
		if l.Release == release {
			break
		}
	}
	found.Release = release
	return found, err
}
