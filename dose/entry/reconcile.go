package entry

import (
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"strings"

	"radagora/db"
	"radagora/dose"
	"radagora/fault"
	"radagora/site"
	"radagora/ucum"
)

// A Reconciliation holds what a file tells against what is here of it.
type Reconciliation struct {
	Batch Batch  `json:"-"`
	Lines []Line `json:"lines"` // by room and year, sorted
	Left  []Left `json:"left"`  // rows that were not taken, with the reason
	// Pending are entries that the ledger has not derived yet: a figure of ours is too low.
	Pending int `json:"pending"`
}

// A Line is a room in a year.
type Line struct {
	Room       string   `json:"room"` // name of the room, or what the file calls the machine
	Year       string   `json:"year"`
	Theirs     int      `json:"theirs"` // examinations in the file
	Ours       int      `json:"ours"`   // that are here
	Replaced   int      `json:"replaced"`
	Quantities []Figure `json:"quantities"`
}

// A Figure is a sum on both sides, exact, in the unit of the quantity.
type Figure struct {
	Quantity   dose.Quantity `json:"quantity"`
	Theirs     string        `json:"theirs"`
	Ours       string        `json:"ours"`
	Difference string        `json:"difference"` // ours less theirs
}

// Reconcile holds a file that was imported against the ledger.
func (b *Book) Reconcile(ctx context.Context, siteID, id string) (r Reconciliation, err error) {
	if r.Batch, err = b.Batch(ctx, b.DB, siteID, id); err != nil {
		return r, err
	}
	plan, err := b.Machines.Plan(ctx, b.DB, siteID)
	if err != nil {
		return r, err
	}
	r.Left = r.Batch.Told.Left
	sides := map[[2]string]*side{}
	at := func(machine, called, year string) *side {
		k := [2]string{roomOf(plan, machine, called), year}
		if sides[k] == nil {
			sides[k] = &side{theirs: map[dose.Quantity]string{}, ours: map[dose.Quantity]string{}}
		}
		return sides[k]
	}
	machines := map[string]string{} // by what the file calls them: rows that were not taken name none
	for _, y := range r.Batch.Told.Years {
		if y.Machine != "" {
			machines[y.Called] = y.Machine
		}
	}
	for _, y := range r.Batch.Told.Years {
		s := at(cmp.Or(y.Machine, machines[y.Called]), y.Called, y.Year)
		s.Theirs += y.Count
		for q, text := range y.Sums {
			if n, err := ucum.ParseDecimal(text); err == nil {
				s.theirs[q] = plus(s.theirs[q], n)
			}
		}
	}
	entries, err := db.List(ctx, b.DB, scanEntry, selectEntry+` where site_id = $1 and batch_id = $2 and state = $3 order by line`, siteID, id, Stands)
	if err != nil {
		return r, err
	}
	ids := make([]string, len(entries))
	for i, e := range entries {
		ids[i] = e.ID
	}
	placed, err := b.Ledger.Placements(ctx, siteID, ids)
	if err != nil {
		return r, err
	}
	for _, e := range entries {
		p, ok := placed[e.ID]
		if !ok {
			r.Pending++
			continue
		}
		at(e.Record.Machine, e.Record.Station, e.Record.Day[:4]).add(p)
	}
	r.Lines = lines(sides)
	return r, nil
}

// A side is a line being added up.
type side struct {
	Line
	theirs, ours map[dose.Quantity]string
}

// add adds what became of an entry.
func (s *side) add(p dose.Placement) {
	s.Ours++
	if !p.Counted {
		s.Replaced++
	}
	for _, q := range Sums {
		if n, err := ucum.ParseDecimal(p.Totals[q.Field]); err == nil && p.Totals[q.Field] != "" {
			s.ours[q.Quantity] = plus(s.ours[q.Quantity], n)
		}
	}
}

// lines returns what was added up, sorted.
func lines(sides map[[2]string]*side) []Line {
	all := make([]Line, 0, len(sides))
	for k, s := range sides {
		s.Room, s.Year = k[0], k[1]
		for _, q := range Sums {
			theirs, ours := s.theirs[q.Quantity], s.ours[q.Quantity]
			if theirs == "" && ours == "" {
				continue
			}
			a, _ := ucum.ParseDecimal(cmp.Or(theirs, "0"))
			b, _ := ucum.ParseDecimal(cmp.Or(ours, "0"))
			s.Quantities = append(s.Quantities, Figure{q.Quantity, cmp.Or(theirs, "0"), cmp.Or(ours, "0"), b.Sub(a).String()})
		}
		all = append(all, s.Line)
	}
	slices.SortFunc(all, func(a, b Line) int { return cmp.Or(cmp.Compare(a.Room, b.Room), cmp.Compare(a.Year, b.Year)) })
	return all
}

// roomOf names the room of a machine, or else what a file calls it.
func roomOf(plan *site.Plan, machine, called string) string {
	if room, ok := plan.RoomOf(machine); ok && machine != "" {
		return room.Name
	}
	return called
}

// Sign says on behalf of by that an import was reconciled: what is signed are the
// figures as they are now. NotFound: no import that stands. Conflict: the ledger has not
// derived all of it yet, or it was signed with the same figures.
func (b *Book) Sign(ctx context.Context, siteID, by, id string) error {
	r, err := b.Reconcile(ctx, siteID, id)
	if err != nil {
		return err
	}
	if !r.Batch.UndoneAt.IsZero() {
		return fault.Errorf(fault.NotFound, "import %s was taken back", id)
	}
	if r.Pending > 0 {
		return fault.Errorf(fault.Conflict, "import %s: %d examinations are not derived yet", id, r.Pending)
	}
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if r.Batch.Signed == string(raw) {
		return fault.Errorf(fault.Conflict, "import %s was signed with these figures", id)
	}
	return b.DB.Write(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `update dose_entry_batch set signed_by = $3, signed_at = $4, signed = $5 where site_id = $1 and batch_id = $2`,
			siteID, id, by, db.Millis(b.Now()), string(raw)); err != nil {
			return err
		}
		return b.journalled(ctx, tx, siteID, by, "dose.entry.reconciled", id, json.RawMessage(raw))
	})
}

// Holds reports whether what was signed is what the figures are.
func (r Reconciliation) Holds() bool {
	raw, err := json.Marshal(r)
	return err == nil && r.Batch.Signed != "" && string(raw) == r.Batch.Signed
}

// WriteCSV writes a reconciliation as a file: a row for each room, year and quantity, then
// one for each row not taken.
func (r Reconciliation) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	write := func(fields ...string) {
		for i, f := range fields {
			if f != "" && strings.ContainsRune("=+@\t\r", rune(f[0])) {
				fields[i] = "'" + f // no spreadsheet takes it for a formula
			}
		}
		_ = out.Write(fields) // Flush tells of errors
	}
	write("room", "year", "what", "unit", "in_the_file", "here", "difference", "replaced_by_reports", "line", "reason")
	for _, l := range r.Lines {
		write(l.Room, l.Year, "examinations", "1", strconv.Itoa(l.Theirs), strconv.Itoa(l.Ours), strconv.Itoa(l.Ours-l.Theirs), strconv.Itoa(l.Replaced), "", "")
		for _, q := range l.Quantities {
			write(l.Room, l.Year, string(q.Quantity), dose.QuantityUnit(q.Quantity), q.Theirs, q.Ours, q.Difference, "", "", "")
		}
	}
	for _, l := range r.Left {
		write(l.Called, l.Year, "not_taken", "", "", "", "", "", strconv.Itoa(l.Line), strings.TrimSpace(l.Column+" "+l.Rule))
	}
	out.Flush()
	return out.Error()
}
