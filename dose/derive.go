package dose

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"radagora/content"
	"radagora/db"
	"radagora/dicom/uid"
	"radagora/fault"
	"radagora/site"
)

const (
	deriveLease = 5 * time.Second // so long derivation rests after a crash
	derivePoll  = 2 * time.Second
	deriveBatch = 100 // studies derived between two looks at the list
	commitBatch = 20  // studies in one transaction
)

// deriveAlways derives what is pending, under a lease, until ctx ends.
func (l *Ledger) deriveAlways(ctx context.Context) error {
	for ctx.Err() == nil {
		lease, err := l.DB.Lease(ctx, "dose.derive", l.Holder, deriveLease)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // it ended because it was told to
		case err != nil:
			return err
		}
		l.derivePending(lease.Context())
		if err := lease.Release(context.WithoutCancel(ctx)); err != nil {
			l.Log.WarnContext(ctx, "dose: give back lease", "error", err)
		}
	}
	return nil
}

// derivePending derives until ctx ends. A failure is logged and tried again.
func (l *Ledger) derivePending(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-l.woken():
		}
		for {
			n, err := l.Derive(ctx, deriveBatch)
			if err != nil && ctx.Err() == nil {
				l.Log.ErrorContext(ctx, "dose: derive", "error", err)
			}
			if n == 0 {
				break
			}
		}
		n, err := l.RereadSome(ctx, rereadBatch)
		if err != nil && ctx.Err() == nil {
			l.Log.ErrorContext(ctx, "dose: read again", "error", err)
		}
		if n > 0 {
			timer.Reset(rereadRest)
			continue
		}
		timer.Reset(derivePoll)
	}
}

// A task is a study to be derived.
type task struct{ site, study, ticket string }

// Derive derives up to limit of the pending studies and returns how many it did.
// One that fails holds up no other: it goes to the end of the list, and the error
// tells of the first.
func (l *Ledger) Derive(ctx context.Context, limit int) (int, error) {
	if err := l.settle(ctx); err != nil {
		return 0, err
	}
	tasks, err := db.List(ctx, l.DB, func(r *db.Rows) (t task, err error) { return t, r.Scan(&t.site, &t.study, &t.ticket) },
		`select site_id, study_uid, ticket from dose_pending order by ticket limit $1`, limit)
	if err != nil {
		return 0, err
	}
	d := derivation{l: l, known: map[string]knowledge{}}
	for part := range slices.Chunk(tasks, commitBatch) {
		if err := d.part(ctx, part); err != nil {
			d.failed = err
			break
		}
	}
	if d.done > 0 {
		l.changed()
	}
	return d.done, d.failed
}

// A derivation derives several studies.
type derivation struct {
	l      *Ledger
	known  map[string]knowledge // by site
	done   int
	failed error // of the first study that failed
}

// part derives a few studies in one transaction. It returns an error only if
// there is no sense in going on.
func (d *derivation) part(ctx context.Context, tasks []task) (err error) {
	var read []reading
	for _, t := range tasks {
		if _, ok := d.known[t.site]; !ok {
			if d.known[t.site], err = d.l.knowledge(ctx, t.site); err != nil {
				return err
			}
		}
		r, err := d.l.readStudy(ctx, t)
		if err == nil {
			read = append(read, r)
		} else if err := d.later(ctx, t, err); err != nil {
			return err
		}
	}
	err = d.write(ctx, read)
	if err == nil || len(read) == 1 || !ofOne(err) {
		return d.postponed(ctx, read, err)
	}
	for _, r := range read { // find out which
		if err := d.postponed(ctx, []reading{r}, d.write(ctx, []reading{r})); err != nil {
			return err
		}
	}
	return nil
}

// ofOne reports whether an error of writing may be that of one study: the
// database is there and has room.
func ofOne(err error) bool {
	k := fault.Of(err)
	return k != fault.Unavailable && k != fault.Exhausted
}

// postponed counts what was written, and puts off a study that could not be.
func (d *derivation) postponed(ctx context.Context, read []reading, err error) error {
	switch {
	case err == nil:
		d.done += len(read)
		return nil
	case !ofOne(err):
		return err
	}
	return d.later(ctx, read[0].task, err)
}

// write writes what was read in one transaction.
func (d *derivation) write(ctx context.Context, read []reading) error {
	if len(read) == 0 {
		return nil
	}
	return d.l.DB.Write(ctx, func(tx *db.Tx) error {
		for _, r := range read {
			if err := d.l.write(ctx, tx, r, d.known[r.site]); err != nil {
				return err
			}
		}
		return nil
	})
}

// later puts a study that failed at the end of the list.
func (d *derivation) later(ctx context.Context, t task, err error) error {
	if ctx.Err() != nil {
		return err
	}
	if d.failed == nil {
		d.failed = fmt.Errorf("study %s: %w", t.study, err)
	}
	return d.l.DB.Write(ctx, func(tx *db.Tx) error { return pend(ctx, tx, t.site, t.study) })
}

// knowledge is what a site has said that derivation depends on.
type knowledge struct {
	mappings   Mappings
	reasons    Reasons
	notPatient map[string][]string // patterns, by the field they are tried on
	estimating
	calibrated corrector
}

// knowledge loads it.
func (l *Ledger) knowledge(ctx context.Context, siteID string) (knowledge, error) {
	all, err := l.Mappings(ctx, siteID)
	if err != nil {
		return knowledge{}, err
	}
	k := knowledge{mappings: NewMappings(all)}
	if k.reasons, err = LoadReasons(l.Content, siteID); err != nil {
		return k, err
	}
	if k.notPatient, err = patterns(l.Content, siteID); err != nil {
		return k, err
	}
	if k.calibrated, err = l.corrector(ctx, siteID); err != nil {
		return k, err
	}
	k.estimating, err = loadEstimating(l.Content, siteID)
	return k, err
}

// patterns reads by what phantoms and tests are known, by the field they are tried on.
func patterns(library *content.Library, siteID string) (map[string][]string, error) {
	table, err := library.Table(siteID, "dose/not_patient", "patterns")
	if err != nil {
		return nil, err
	}
	all := map[string][]string{}
	for row := range table.All() {
		field := row.Text("field")
		all[field] = append(all[field], strings.ToLower(row.Text("pattern")))
	}
	return all, nil
}

// A reading is what the sources of a study say.
type reading struct {
	task
	reports map[string]*Report // by SOP Instance UID
	failed  map[string]string  // why the others could not be read
	gone    []string           // those that the archive has no more
	moved   map[string]string  // those that are of another study now: of which
	headers []header           // of images
	entries []placed           // that no device sent
	again   bool               // whoever reads it again notes what changes
	study   *Study             // nil if nothing tells of a dose
}

// readStudy reads all sources of a study.
func (l *Ledger) readStudy(ctx context.Context, t task) (reading, error) {
	r := reading{task: t, reports: map[string]*Report{}, failed: map[string]string{}, moved: map[string]string{}}
	instances, err := db.List(ctx, l.DB, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
		`select source_id from dose_source where site_id = $1 and study_uid = $2 and class = 'report' order by source_id`, t.site, t.study)
	if err != nil {
		return r, err
	}
	var all []*Report
	for _, name := range instances {
		report, err := l.readReport(ctx, t.site, name)
		switch {
		case err == nil && !report.Study.IsZero() && report.Study.String() != t.study: // it was split from it
			r.moved[name] = report.Study.String()
		case err == nil:
			r.reports[name] = report
			all = append(all, report)
		case errors.Is(err, errGone):
			r.gone = append(r.gone, name)
		case fault.Of(err) == fault.Unavailable || fault.Of(err) == fault.Internal:
			return r, err // not the report's fault: try again
		default:
			r.failed[name] = err.Error()
		}
	}
	if r.headers, err = l.readHeaders(ctx, t); err != nil {
		return r, err
	}
	for _, h := range r.headers {
		if h.report != nil {
			all = append(all, h.report)
		}
	}
	if r.entries, err = l.readEntries(ctx, t); err != nil {
		return r, err
	}
	for _, e := range r.entries {
		if e.by == "" {
			all = append(all, e.Report)
		}
	}
	if studies := Join(all); len(studies) > 0 {
		r.study = studies[0]
	}
	return r, nil
}

// errGone says that the archive has a report no more: the person was erased.
var errGone = errors.New("the report is gone")

// readReport reads one report from the archive.
func (l *Ledger) readReport(ctx context.Context, siteID, name string) (*Report, error) {
	sop, err := uid.Parse(name)
	if err != nil {
		return nil, err
	}
	f, closer, err := l.Objects.Open(ctx, siteID, sop)
	if err != nil && fault.Of(err) == fault.NotFound {
		return nil, errGone
	}
	if err != nil {
		return nil, err
	}
	defer closer.Close()
	report, err := l.Reader.Read(f.Dataset)
	if err != nil {
		return nil, err
	}
	report.encoding(f.Warnings)
	return report, nil
}

// write puts what was read in the place of what was derived before.
func (l *Ledger) write(ctx context.Context, tx *db.Tx, r reading, k knowledge) error {
	before, err := l.before(ctx, tx, r.task)
	if err != nil {
		return err
	}
	if _, err := l.forget(ctx, tx, r.site, r.task.study); err != nil {
		return err
	}
	machines, err := l.writeSources(ctx, tx, r)
	if err != nil {
		return err
	}
	if err := l.pendEntries(ctx, tx, r, machines); err != nil {
		return err
	}
	orders, err := l.ordered(ctx, tx, r)
	if err != nil {
		return err
	}
	same, err := l.findTwins(ctx, tx, r)
	if err != nil {
		return err
	}
	if err := l.writeTwins(ctx, tx, r, same); err != nil {
		return err
	}
	if r.study != nil {
		person := l.person(r.study.Reports[0].Patient)
		sizes, err := l.sizes(ctx, tx, r, person)
		if err != nil {
			return err
		}
		said, err := decided(ctx, tx, r.site, r.task.study)
		if err != nil {
			return err
		}
		if err := l.wantPixels(ctx, tx, r); err != nil {
			return err
		}
		if err := writeStudy(ctx, tx, r, k, machines, around{person, orders, sizes, said, same}); err != nil {
			return err
		}
	}
	_, err = tx.Exec(ctx, `delete from dose_pending where site_id = $1 and study_uid = $2 and ticket = $3`, r.site, r.task.study, r.ticket)
	if err != nil {
		return err
	}
	if before != nil && !r.again {
		found, err := l.changedSince(ctx, tx, r.task, before)
		if err != nil {
			return err
		}
		if err := noteChanges(ctx, tx, r.task, "", true, found); err != nil {
			return err
		}
	}
	if r.study == nil {
		return nil
	}
	if err := stamp(ctx, tx, r.site, r.task.study); err != nil {
		return err
	}
	return l.told(ctx, tx, r.site, r.task.study)
}

// person returns whom a report is about, "" if it does not say.
func (l *Ledger) person(p Patient) string {
	if l.Person == nil || p.ID.IsZero() {
		return ""
	}
	return l.Person(p.Issuer.Reveal(), p.ID.Reveal())
}

// writeReports notes what became of each report, and returns the machine that
// each came from.
func (l *Ledger) writeReports(ctx context.Context, tx *db.Tx, r reading) (map[*Report]string, error) {
	machines := map[*Report]string{}
	for name, report := range r.reports {
		seen, err := l.Machines.Seen(ctx, tx, equipment(r.site, report))
		if err != nil {
			return nil, err
		}
		machines[report] = seen.MachineID
		counted := r.study != nil && slices.Contains(r.study.Reports, report)
		if err := noteReport(ctx, tx, r.site, name, string(report.Kind), "", counted, seen.MachineID); err != nil {
			return nil, err
		}
	}
	for name, problem := range r.failed {
		if err := noteReport(ctx, tx, r.site, name, "", problem, false, ""); err != nil {
			return nil, err
		}
	}
	for name, study := range r.moved {
		if _, err := tx.Exec(ctx, `update dose_source set study_uid = $3, counted = $4 where site_id = $1 and source_id = $2`, r.site, name, study, false); err != nil {
			return nil, err
		}
		if err := pend(ctx, tx, r.site, study); err != nil {
			return nil, err
		}
	}
	for _, name := range r.gone {
		if _, err := tx.Exec(ctx, `delete from dose_source where site_id = $1 and source_id = $2`, r.site, name); err != nil {
			return nil, err
		}
	}
	return machines, nil
}

// noteReport writes what became of a report.
func noteReport(ctx context.Context, tx *db.Tx, siteID, name, kind, problem string, counted bool, machine string) error {
	return insert(ctx, tx, `update dose_source set kind = $3, problem = $4, counted = $5, machine_id = $6
		where site_id = $1 and source_id = $2`, siteID, name, kind, problem, counted, machine)
}

// equipment returns what a report says about the machine that made it: the
// device that observed or irradiated, and the header for what the tree lacks.
func equipment(siteID string, r *Report) site.Equipment {
	e := site.Equipment{
		Site: siteID, Serial: r.Device.Serial, DeviceUID: r.Device.UID, Manufacturer: r.Device.Manufacturer,
		Model: r.Device.Model, Station: r.Device.Name, Software: r.Device.Software,
		Modality: r.Modality(), Day: r.day(),
	}
	for _, d := range r.Devices {
		e.Serial = cmp.Or(e.Serial, d.Serial)
		e.DeviceUID = cmp.Or(e.DeviceUID, d.UID)
		e.Manufacturer = cmp.Or(e.Manufacturer, d.Manufacturer)
		e.Model = cmp.Or(e.Model, d.Model)
		e.Station = cmp.Or(e.Station, d.Name)
	}
	return e
}

// day returns the day on which irradiation began, or else the study's or the
// report's; "" if nothing says it.
func (r *Report) day() string {
	for _, m := range []Moment{r.StudyDate, r.Started(), r.Content} {
		if len(m.Date()) == len(time.DateOnly) {
			return m.Date()
		}
	}
	return ""
}

// candidates returns the events of a study in the order of time, each with what
// tells to which examination it belongs.
func candidates(s *Study, machines map[*Report]string) ([]Candidate, map[*Event]*Report) {
	holders := map[string]*Report{} // the first that tells of an event
	for _, r := range s.Reports {
		for _, e := range r.Events {
			if holders[e.Key] == nil {
				holders[e.Key] = r
			}
		}
	}
	of := map[*Event]*Report{}
	for _, e := range s.Events {
		of[e] = holders[e.Key]
	}
	var all []Candidate
	for _, e := range s.Events {
		r := of[e]
		if r == nil {
			continue // cannot be: events are those of the reports that count
		}
		c := Candidate{Event: e, Accession: r.Order.Accession.Reveal(), Machine: machines[r], Day: r.day()}
		for _, q := range r.Order.Requests {
			c.Requests = append(c.Requests, q.Reveal())
		}
		for _, p := range append(slices.Clone(r.Procedures), r.StudyDescription) {
			if p != "" && !slices.Contains(c.Procedures, p) {
				c.Procedures = append(c.Procedures, p)
			}
		}
		all = append(all, c)
	}
	// Events without a time of their own stand where their report begins, in the
	// order of the report.
	began := func(e *Event) string { return cmp.Or(e.Started.Local, of[e].Started().Local) }
	slices.SortStableFunc(all, func(a, b Candidate) int { return cmp.Compare(began(a.Event), began(b.Event)) })
	return all, of
}

// notPatient returns the pattern by which an identifier or protocol is known for
// one of phantoms and tests, "" for a patient.
func notPatient(patterns []string, texts ...string) string {
	for _, p := range patterns {
		stem, prefix := strings.CutSuffix(p, "*")
		for _, t := range texts {
			t = strings.ToLower(strings.TrimSpace(t))
			if t == stem || prefix && strings.HasPrefix(t, stem) {
				return p
			}
		}
	}
	return ""
}

// NotPatient returns what tells by patient ID and family name whether somebody is a
// phantom or test: the pattern that says so, and whether it is one of names; "" for a
// patient.
func NotPatient(library *content.Library, siteID string) (func(id, family string) (pattern string, ofName bool), error) {
	known, err := patterns(library, siteID)
	if err != nil {
		return nil, err
	}
	return func(id, family string) (string, bool) {
		if p := notPatient(known["name"], family); p != "" {
			return p, true
		}
		return notPatient(known["id"], id), false
	}, nil
}
