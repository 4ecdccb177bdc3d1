package dose

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"radagora/db"
	"radagora/dicom/uid"
	"radagora/ucum"
)

// Entries knows the doses that no device sent: those typed in, and those taken from
// tables and from earlier dose systems.
type Entries interface {
	// Entered returns the entries of a study that stand, in any order.
	Entered(ctx context.Context, q db.Querier, siteID, study string) ([]Entry, error)
	// Near returns the studies made for entries that may be the same examinations as
	// those of a study which began on that day at one of the machines, or carries one
	// of the accession numbers.
	Near(ctx context.Context, q db.Querier, siteID, day string, accessions, machines []string) ([]string, error)
	// Reread reads within tx what is kept of each file again, and returns the studies
	// of all entries that stand, by site.
	Reread(ctx context.Context, tx *db.Tx) (map[string][]string, error)
}

// An Entry is a dose that no device sent.
type Entry struct {
	ID      string
	Report  *Report // of class FromManual or FromImport
	Machine string  // id of the machine, "" if nobody knows
	Made    bool    // nobody knows the UID of its study: it was made for the entry
	At      time.Time
}

// Ways in which a value that was typed in became known. They stand as flags of the
// value and as the method of an amount.
const (
	MethodConsole    = "console"     // read from the display of the machine
	MethodMeter      = "dap_meter"   // read from a dose area product meter
	MethodTubeOutput = "tube_output" // calculated from the output of the tube
	MethodTable      = "table_value" // taken from a table, of a typical dose for example
	MethodImported   = "imported"    // as an earlier dose system told it
)

// Methods are the ways in which a value that is typed in can be known.
func Methods() []string {
	return []string{MethodConsole, MethodMeter, MethodTubeOutput, MethodTable}
}

// Calculated reports whether values that became known by a method were not measured.
func Calculated(method string) bool { return method == MethodTubeOutput || method == MethodTable }

// EnteredValue makes a value of what somebody entered: raw in rawUnit as written, number
// in unit, known by a method.
func EnteredValue(f Field, raw, rawUnit string, number ucum.Decimal, unit, method string) Value {
	return Value{Field: f, Raw: raw, RawUnit: rawUnit, Number: &number, Unit: unit, Flags: []string{method}}
}

// EnteredMoment reads a day and a time of day, which may be "", as DICOM writes them.
func EnteredMoment(day, clock string) Moment {
	return parseDateTime(strings.ReplaceAll(day, "-", ""), clock, "")
}

// KeyEntered gives the events of an entry keys of their own.
func (r *Report) KeyEntered(entry string) {
	r.Entry = entry
	r.keys()
	for _, e := range r.Events {
		if e.UID.IsZero() {
			e.Key = entry + "|" + e.Key
		}
	}
}

// declaring returns the class of lowest rank among what tells of an examination.
func (d *dosed) declaring() Class {
	class := FromReport
	for _, e := range d.Events {
		class = lower(class, d.of[e].Class)
	}
	return class
}

// byHand returns the method by which a field of an examination became known that
// somebody typed in, "" if nobody did. Of several methods it is one that calculates.
func (d *dosed) byHand(f Field) (method string) {
	if d.declaring() != FromManual {
		return ""
	}
	look := func(vs Values) {
		for _, v := range vs.All(f) {
			for _, m := range Methods() {
				if v.Has(m) && (method == "" || Calculated(m)) {
					method = m
				}
			}
		}
	}
	for _, e := range d.Events {
		look(e.Values)
		for _, t := range d.of[e].Totals {
			look(t.Values)
		}
	}
	return method
}

// enteredExams lets those who entered an examination say what it is.
func enteredExams(exams []Examination, of map[*Event]*Report) {
	for i := range exams {
		if r := of[exams[i].Events[0]]; r.Class.entered() && r.Exam != "" {
			exams[i].Exam, exams[i].ExamFrom, exams[i].ExamName = r.Exam, ExamFromEntry, ""
		}
	}
}

// ExamFromEntry says that whoever entered an examination said what it is.
const ExamFromEntry = "entry"

// source returns what an event of a report is taken from: the UID of its object, or the
// id of an entry.
func (r *Report) source() string { return cmp.Or(r.SOPInstance.String(), r.Entry) }

// Replaced says of an entry that something which ranks above it tells of the same.
const Replaced Reason = "replaced"

// entered reports whether a class is that of what no device sent.
func (c Class) entered() bool { return c == FromManual || c == FromImport }

// index returns the place of a class in the order of rank; "" is FromReport.
func (c Class) index() int { return max(0, slices.Index(classes, c)) }

// enteredApart splits the entries from what devices sent.
func enteredApart(all []*Report) (sent, entries []*Report) {
	for _, r := range all {
		if r.Class.entered() {
			entries = append(entries, r)
		} else {
			sent = append(sent, r)
		}
	}
	return sent, entries
}

// withEntries adds to what counts the entries of kinds that nothing of higher rank
// tells of.
func (s *Study) withEntries(counting, entries []*Report) []*Report {
	slices.SortStableFunc(entries, func(a, b *Report) int {
		return cmp.Or(cmp.Compare(a.Class.index(), b.Class.index()), cmp.Compare(a.Entry, b.Entry))
	})
	for _, e := range entries {
		i := slices.IndexFunc(counting, func(r *Report) bool { return r.Kind == e.Kind && r.Class.index() < e.Class.index() })
		if i < 0 {
			counting = append(counting, e)
			continue
		}
		s.Ignored = append(s.Ignored, Ignored{Report: e, Reason: Replaced, By: counting[i]})
	}
	return counting
}

// Enter notes within tx that the entries of studies changed: they are derived anew.
func (l *Ledger) Enter(ctx context.Context, tx *db.Tx, siteID string, studies ...string) error {
	for _, s := range studies {
		if err := pend(ctx, tx, siteID, s); err != nil {
			return err
		}
	}
	tx.OnCommit(l.poke)
	return nil
}

// A placed entry is one with the study that tells of the same, if there is one.
type placed struct {
	Entry
	by string // UID of that study, "" for none
}

// readEntries reads the entries of a study. Those that another study tells of do not
// count in it.
func (l *Ledger) readEntries(ctx context.Context, t task) (all []placed, err error) {
	if l.Entries == nil {
		return nil, nil
	}
	entries, err := l.Entries.Entered(ctx, l.DB, t.site, t.study)
	for _, e := range entries {
		p := placed{Entry: e}
		if e.Made {
			if p.by, err = l.original(ctx, t, e); err != nil {
				return nil, err
			}
		}
		all = append(all, p)
	}
	return all, err
}

// original returns the study that devices sent of what an entry tells: the one with its
// accession number, or else the one of its machine that began in the same minute; "" if
// there is none, or if there are several.
func (l *Ledger) original(ctx context.Context, t task, e Entry) (string, error) {
	const sent = ` exists (select 1 from dose_source c where c.site_id = s.site_id and c.study_uid = s.study_uid
		and c.counted and c.class not in ('manual', 'imported') and c.kind = $2)`
	type study struct{ uid, started string }
	scan := func(r *db.Rows) (s study, err error) { return s, r.Scan(&s.uid, &s.started) }
	kind := string(e.Report.Kind)
	if accession := e.Report.Order.Accession.Reveal(); accession != "" {
		found, err := db.List(ctx, l.DB, scan, `select distinct s.study_uid, s.started from dose_order o join dose_study s
			on s.site_id = o.site_id and s.study_uid = o.study_uid where o.site_id = $1 and o.accession = $3 and s.study_uid <> $4 and`+sent,
			t.site, kind, accession, t.study)
		if err != nil || len(found) == 1 {
			return only(found, func(s study) string { return s.uid }), err
		}
	}
	const minute = len("2026-03-01T10:11")
	began := e.Report.Started().Local
	if e.Machine == "" || len(began) < minute {
		return "", nil
	}
	found, err := db.List(ctx, l.DB, scan, `select s.study_uid, s.started from dose_study s
		where s.site_id = $1 and s.day = $3 and s.machine_id = $4 and s.study_uid <> $5 and`+sent, t.site, kind, began[:10], e.Machine, t.study)
	found = slices.DeleteFunc(found, func(s study) bool { return !strings.HasPrefix(s.started, began[:minute]) })
	if len(found) != 1 {
		return "", err
	}
	return found[0].uid, err
}

// only returns what is to be known of the only one of a list, "" if there is none.
func only[T any](all []T, of func(T) string) string {
	if len(all) != 1 {
		return ""
	}
	return of(all[0])
}

// writeEntries notes what became of each entry in the place of what was noted before.
func (*Ledger) writeEntries(ctx context.Context, tx *db.Tx, r reading, machines map[*Report]string) error {
	_, err := tx.Exec(ctx, `delete from dose_source where site_id = $1 and class in ('manual', 'imported')
		and (study_uid = $2 and series_uid = '' or series_uid = $2)`, r.site, r.task.study)
	if err != nil {
		return err
	}
	var rows [][]any
	for _, e := range r.entries {
		study, own := r.task.study, ""
		if e.by != "" {
			study, own = e.by, r.task.study
		}
		machines[e.Report] = e.Machine
		counted := e.by == "" && r.study != nil && slices.Contains(r.study.Reports, e.Report)
		rows = append(rows, []any{
			r.site, e.ID, study, string(e.Report.Class), own, "", string(e.Report.Kind), "", counted, e.Machine, db.Millis(e.At),
		})
	}
	return insertRows(ctx, tx, `insert into dose_source
		(site_id, source_id, study_uid, class, series_uid, acquisition, kind, problem, counted, machine_id, received_at)`, rows)
}

// pendEntries has those entries derived anew that may be the same examinations as the
// study, and those that were: what devices sent of it changed.
func (l *Ledger) pendEntries(ctx context.Context, tx *db.Tx, r reading, machines map[*Report]string) error {
	if l.Entries == nil {
		return nil
	}
	if err := pendReplaced(ctx, tx, r.site, r.task.study); err != nil || r.study == nil {
		return err
	}
	var accessions, at []string
	day := ""
	for _, report := range r.study.Reports {
		if report.Class.entered() {
			continue
		}
		day = cmp.Or(day, report.day())
		if a := report.Order.Accession.Reveal(); a != "" {
			accessions = append(accessions, a)
		}
		if m := machines[report]; m != "" {
			at = append(at, m)
		}
	}
	if day == "" && accessions == nil {
		return nil
	}
	near, err := l.Entries.Near(ctx, tx, r.site, day, accessions, at)
	if err != nil {
		return err
	}
	for _, study := range near {
		if study != r.task.study {
			if err := pend(ctx, tx, r.site, study); err != nil {
				return err
			}
		}
	}
	return nil
}

// pendReplaced has the entries derived anew that a study replaced.
func pendReplaced(ctx context.Context, tx *db.Tx, siteID, study string) error {
	_, err := tx.Exec(ctx, `insert into dose_pending (site_id, study_uid, ticket)
		select distinct site_id, series_uid, cast($3 as text) from dose_source where site_id = $1 and study_uid = $2
		and class in ('manual', 'imported') and series_uid <> ''
		on conflict (site_id, study_uid) do update set ticket = excluded.ticket`, siteID, study, db.NewID())
	return err
}

// pendEntered has all entries derived anew, after their files were read again.
func (l *Ledger) pendEntered(ctx context.Context, tx *db.Tx) error {
	if l.Entries == nil {
		return nil
	}
	all, err := l.Entries.Reread(ctx, tx)
	if err != nil {
		return err
	}
	for siteID, studies := range all {
		if err := l.Enter(ctx, tx, siteID, studies...); err != nil {
			return err
		}
	}
	return nil
}

// A Placement is what the ledger made of an entry.
type Placement struct {
	Study   string // of the study in which it is a source
	Counted bool   // and not another source instead
	Own     bool   // that study was not sent by a device
	Totals  map[Field]string
}

// Placements returns what became of entries by their ids. Those that are not derived
// yet are missing. Totals are those of the study that counts: what is reconciled.
func (l *Ledger) Placements(ctx context.Context, siteID string, ids []string) (map[string]Placement, error) {
	all := map[string]Placement{}
	for part := range slices.Chunk(ids, rowsAtOnce) {
		args := []any{siteID}
		for _, id := range part {
			args = append(args, id)
		}
		in := holes(2, len(part))
		type row struct {
			id                     string
			p                      Placement
			own, quantity, measure string
		}
		list, err := db.List(ctx, l.DB, func(r *db.Rows) (x row, err error) {
			return x, r.Scan(&x.id, &x.p.Study, &x.p.Counted, &x.own, &x.quantity, &x.measure)
		}, `select c.source_id, c.study_uid, c.counted, c.series_uid, coalesce(t.quantity, ''), coalesce(t.total, '')
			from dose_source c left join dose_total t on t.site_id = c.site_id and t.study_uid = c.study_uid and t.part = ''
			where c.site_id = $1 and c.class in ('manual', 'imported') and c.source_id in (`+in+`)`, args...)
		if err != nil {
			return nil, err
		}
		for _, x := range list {
			p, ok := all[x.id]
			if !ok {
				p = x.p
				p.Own, p.Totals = x.own == "", map[Field]string{}
			}
			if x.quantity != "" && x.measure != "" {
				p.Totals[Field(x.quantity)] = x.measure
			}
			all[x.id] = p
		}
	}
	return all, nil
}

// holes returns n numbered places of a statement, the first of them from.
func holes(from, n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = "$" + ucum.Int(int64(from+i)).String()
	}
	return strings.Join(all, ", ")
}

// MadeStudy returns the UID of the study that is made for an entry of that id.
func MadeStudy(id string) uid.UID { return uid.Derive(entryRoot, id) }

// entryRoot is what the UIDs of studies made for entries are derived from.
var entryRoot = uid.Must("2.25.2")
