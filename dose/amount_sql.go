package dose

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"radagora/db"
	"radagora/ucum"
)

// rowsAtOnce is how many rows go into one statement.
const rowsAtOnce = 100

// insertRows writes rows, all of the same length, with few statements. query ends
// with the names of the columns.
func insertRows(ctx context.Context, tx *db.Tx, query string, rows [][]any) error {
	for part := range slices.Chunk(rows, rowsAtOnce) {
		var b strings.Builder
		b.WriteString(query + " values ")
		var args []any
		for i, row := range part {
			if i > 0 {
				b.WriteString(", ")
			}
			for j, v := range row {
				args = append(args, v)
				b.WriteString([]string{"(", ", "}[min(j, 1)] + "$" + strconv.Itoa(len(args)))
			}
			b.WriteString(")")
		}
		if err := insert(ctx, tx, b.String(), args...); err != nil {
			return err
		}
	}
	return nil
}

// Modality returns the modality of a study: CT or MG by what its reports are of, RF
// if any of them tells of fluoroscopy, DX for other images of an X-ray tube, NM for
// radiopharmaceuticals alone.
func (s *Study) Modality() string {
	for _, m := range []string{"CT", "MG", "RF", "DX"} {
		if slices.ContainsFunc(s.Reports, func(r *Report) bool { return r.Modality() == m }) {
			return m
		}
	}
	return "NM"
}

// A StoredTotal is a total of a study as it was derived. Numbers are exact, in the
// unit that Quantity ends in, and nil if unknown.
type StoredTotal struct {
	Quantity                Field
	Part                    string // plane ("A", "B", "single") or side ("left", "right", "both"); "" for the whole
	Total, Declared, Summed *string
}

// totalled are the fields of study totals.
var totalled = append(slices.Clone(totalFields), FieldEventCount)

// totals returns the totals of a study: of the whole, and by plane and side.
func (s *Study) totals() []StoredTotal {
	declared, parts := Sums{}, map[string]Sums{}
	for _, r := range s.Reports {
		if r.Class == FromImage {
			continue
		}
		for f, n := range r.DeclaredTotals() {
			if r.Kind != Nuclear {
				declared.add(f, n)
			}
		}
		if n, ok := r.Declared(); ok {
			declared.add(FieldEventCount, ucum.Int(n))
		}
		for _, p := range r.Parts() {
			name := orText(p.Plane, p.Laterality)
			if parts[name] == nil {
				parts[name] = Sums{}
			}
			for f, n := range p.Totals {
				parts[name].add(f, n)
			}
		}
	}
	summed := Sums{FieldEventCount: ucum.Int(int64(len(s.Events)))}
	maps.Copy(summed, s.Summed)
	counts := Sums{FieldEventCount: summed[FieldEventCount]}
	maps.Copy(counts, s.Totals)
	var all []StoredTotal
	for _, f := range totalled {
		all = append(all, StoredTotal{f, "", decimal(counts, f), decimal(declared, f), decimal(summed, f)})
		for _, name := range []string{"single", "A", "B", "left", "right", "both"} {
			if of := parts[name]; of != nil {
				all = append(all, StoredTotal{f, name, decimal(of, f), decimal(of, f), decimal(s.sumOf(name), f)})
			}
		}
	}
	return slices.DeleteFunc(all, func(t StoredTotal) bool { return t.Total == nil && t.Declared == nil && t.Summed == nil })
}

// sumOf adds up the events of a plane or side.
func (s *Study) sumOf(part string) Sums {
	return summed(slices.DeleteFunc(slices.Clone(s.Events), func(e *Event) bool { return e.Plane != part && e.Laterality != part }))
}

// writeTotals writes the totals of the study.
func (s *studyRow) writeTotals(ctx context.Context, tx *db.Tx) error {
	var rows [][]any
	for _, t := range s.study.totals() {
		rows = append(rows, []any{s.site, s.task.study, string(t.Quantity), t.Part, t.Total, t.Declared, t.Summed})
	}
	return insertRows(ctx, tx, `insert into dose_total (site_id, study_uid, quantity, part, total, declared, summed)`, rows)
}

// writeAmounts writes the amounts of an examination.
func (s *studyRow) writeAmounts(ctx context.Context, tx *db.Tx, x *Examination, amounts []Amount, machine, day, excluded string) error {
	var rows [][]any
	for _, a := range amounts {
		rows = append(rows, []any{
			s.site, s.task.study, x.Key, string(a.Quantity), a.Value, a.Unit, a.Declared, a.Summed, a.Events, string(a.Class), a.Method, a.Basis,
			x.Exam, machine, day, excluded, a.Corrected, a.Factor, a.Calibration,
		})
	}
	return insertRows(ctx, tx, `insert into dose_amount (site_id, study_uid, examination, quantity, value, unit, declared, summed, n_events, class, method, basis,
		exam_code, machine_id, day, excluded, corrected, factor, calibration_id)`, rows)
}

// writeEventAmounts writes the amounts of single events.
func (s *studyRow) writeEventAmounts(ctx context.Context, tx *db.Tx, all []Candidate, of map[*Event]*Report, at map[*Event]*Examination, calibrated corrector) error {
	var rows [][]any
	for i, c := range all {
		key := ""
		if x := at[c.Event]; x != nil {
			key = x.Key
		}
		r := of[c.Event]
		for _, q := range eventQuantities[r.Kind] {
			n, ok := c.Event.Number(q.field)
			if !ok {
				continue
			}
			part := c.Event.Plane
			if r.Kind == Mammography {
				part = c.Event.Laterality
			}
			var corrected *float64
			if found, ok := calibrated.find(s.machines[r], cmp.Or(r.day(), s.day), q.quantity, r, part); ok {
				v := n.Float() * found.factor.Float()
				corrected = &v
			}
			rows = append(rows, []any{
				s.site, s.task.study, i + 1, string(q.quantity), key, n.Float(), quantityUnits[q.quantity], part,
				string(classOf(c.Event, q.field, r)), BasisReported, corrected,
			})
		}
		if said, ok := map[string]float64{"yes": 1, "no": 0}[c.Event.Repeated]; ok {
			rows = append(rows, []any{
				s.site, s.task.study, i + 1, string(QuantityRepeated), key, said, quantityUnits[QuantityRepeated], "", string(r.Class), BasisReported, nil,
			})
		}
	}
	return insertRows(ctx, tx, `insert into dose_event_amount (site_id, study_uid, ordinal, quantity, examination, value, unit, part, class, basis, corrected)`, rows)
}

// StoredSource is what became of a source.
type StoredSource struct {
	ID          string // SOP Instance UID, or the id of what is no DICOM object
	Class       Class
	Series      string
	Acquisition string
	Kind        string
	Problem     string // why it could not be read, "" if it was
	Counted     bool
	Machine     string
	ReceivedAt  int64
}

// StoredAmount is an amount of an examination or of an event as it was derived.
type StoredAmount struct {
	Examination string // key, "" of an unassigned event
	Ordinal     int    // of the event, 0 of an examination
	Part        string // plane or side of an event
	Amount
}

// loadAmounts loads what of a study is kept by quantity.
func loadAmounts(ctx context.Context, tx *db.Tx, siteID string, s *StoredStudy) (err error) {
	s.Sources, err = db.List(ctx, tx, func(r *db.Rows) (x StoredSource, err error) {
		return x, r.Scan(&x.ID, &x.Class, &x.Series, &x.Acquisition, &x.Kind, &x.Problem, &x.Counted, &x.Machine, &x.ReceivedAt)
	}, `select source_id, class, series_uid, acquisition, kind, problem, counted, machine_id, received_at from dose_source
		where site_id = $1 and study_uid = $2 order by received_at, source_id`, siteID, s.UID)
	if err != nil {
		return fmt.Errorf("sources: %w", err)
	}
	s.Totals, err = db.List(ctx, tx, func(r *db.Rows) (x StoredTotal, err error) {
		return x, r.Scan(&x.Quantity, &x.Part, &x.Total, &x.Declared, &x.Summed)
	}, `select quantity, part, total, declared, summed from dose_total where site_id = $1 and study_uid = $2 order by quantity, part`, siteID, s.UID)
	if err != nil {
		return fmt.Errorf("totals: %w", err)
	}
	s.Amounts, err = db.List(ctx, tx, func(r *db.Rows) (x StoredAmount, err error) {
		return x, r.Scan(&x.Examination, &x.Quantity, &x.Value, &x.Unit, &x.Declared, &x.Summed, &x.Events, &x.Class, &x.Method, &x.Basis,
			&x.Corrected, &x.Factor, &x.Calibration)
	}, `select examination, quantity, value, unit, declared, summed, n_events, class, method, basis, corrected, factor, calibration_id from dose_amount
		where site_id = $1 and study_uid = $2 order by examination, quantity`, siteID, s.UID)
	if err != nil {
		return fmt.Errorf("amounts: %w", err)
	}
	events, err := db.List(ctx, tx, func(r *db.Rows) (x StoredAmount, err error) {
		x.Events = 1
		return x, r.Scan(&x.Ordinal, &x.Examination, &x.Quantity, &x.Value, &x.Unit, &x.Part, &x.Class, &x.Basis, &x.Corrected)
	}, `select ordinal, examination, quantity, value, unit, part, class, basis, corrected from dose_event_amount
		where site_id = $1 and study_uid = $2 order by ordinal, quantity`, siteID, s.UID)
	s.Amounts = append(s.Amounts, events...)
	return err
}

// Amount returns an amount of an examination of the study, and whether there is one.
func (s *StoredStudy) Amount(examination string, q Quantity) (Amount, bool) {
	for _, a := range s.Amounts {
		if a.Examination == examination && a.Quantity == q && a.Ordinal == 0 {
			return a.Amount, true
		}
	}
	return Amount{}, false
}
