package person

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"radagora/db"
	"radagora/fault"
	"radagora/journal"
)

// Headers reads what an object says of the patient's body.
type Headers interface {
	// Header returns it. NotFound: the archive has no such object any more.
	Header(ctx context.Context, site, sop string) (Header, error)
}

// A Header is what an object says of the patient's body.
type Header struct {
	Person    string    // as every room names whom it is about; "" if it names nobody
	At        time.Time // of the study; zero if it does not say
	Height    string    // Patient's Size (0010,1020), m, as written
	Weight    string    // Patient's Weight (0010,1030), kg, as written
	Pregnancy string    // Pregnancy Status (0010,21C0), as written
}

// statuses are the values of Pregnancy Status (PS3.3 C.2.3).
var statuses = map[string]string{"1": "no", "2": "possible", "3": "yes", "4": "unknown"}

// facts returns what a header says, if it can be read. Zero and less is a placeholder.
func (h Header) facts(site, study string) (all []Fact) {
	if h.Person == "" || h.At.IsZero() {
		return nil
	}
	add := func(kind FactKind, value, received string) {
		all = append(all, Fact{
			Site: site, Key: h.Person, Kind: kind, Value: value, Received: received, At: h.At, Source: FromDICOM, Origin: study,
		})
	}
	for _, s := range []struct {
		kind      FactKind
		raw, unit string
	}{{Height, h.Height, "m"}, {Weight, h.Weight, "kg"}} {
		raw := strings.TrimSpace(s.raw)
		if n, err := strconv.ParseFloat(raw, 64); err == nil && n > 0 && n < 1e6 {
			add(s.kind, strconv.FormatFloat(n, 'f', -1, 64), raw+" "+s.unit)
		}
	}
	if status, ok := statuses[strings.TrimSpace(h.Pregnancy)]; ok {
		add(Pregnancy, status, h.Pregnancy)
	}
	return all
}

// due notes one object of each new series, and the studies that were found to be of
// somebody else.
func (r *Register) due(ctx context.Context, tx *db.Tx, batch []journal.Entry) error {
	if r.Headers == nil {
		return nil
	}
	seen := map[[2]string]bool{}
	for _, e := range batch {
		var in struct {
			Study  string `json:"study"`
			Series string `json:"series"`
		}
		if err := json.Unmarshal(e.Data, &in); err != nil && len(e.Data) > 0 {
			return fault.Errorf(fault.Internal, "journal entry %s: data is not what the archive writes", e.ID)
		}
		query, args := `insert into person_header (site_id, series_uid, study_uid, sop_uid, person, ticket) values ($1, $2, $3, $4, '', $5)
			on conflict do nothing`, []any{e.Site, in.Series, in.Study, e.Subject, db.NewID()}
		if e.Kind != stored {
			query, args = `update person_header set ticket = $3 where site_id = $1 and study_uid = $2`, []any{e.Site, in.Study, db.NewID()}
		} else if seen[[2]string{e.Site, in.Series}] || in.Series == "" {
			continue
		}
		seen[[2]string{e.Site, in.Series}] = true
		if _, err := tx.Exec(ctx, query, args...); err != nil {
			return err
		}
	}
	tx.OnCommit(func() {
		select {
		case r.wake <- struct{}{}:
		default:
		}
	})
	return nil
}

const (
	lookLease = 5 * time.Second // so long this rests after a crash
	lookPoll  = 2 * time.Second
	lookBatch = 50 // series between two looks at the list
)

// lookAlways reads headers, under a lease, until ctx ends.
func (r *Register) lookAlways(ctx context.Context) error {
	if r.Headers == nil {
		<-ctx.Done()
		return nil
	}
	for ctx.Err() == nil {
		lease, err := r.DB.Lease(ctx, "person.header", r.Holder, lookLease)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // it ended because it was told to
		case err != nil:
			return err
		}
		r.look(lease.Context())
		if err := lease.Release(context.WithoutCancel(ctx)); err != nil {
			r.Log.WarnContext(ctx, "person: give back lease", "error", err)
		}
	}
	return nil
}

// look reads headers until ctx ends. A failure is logged and tried again.
func (r *Register) look(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-r.wake:
		}
		for {
			n, err := r.Look(ctx)
			if err != nil && ctx.Err() == nil {
				r.Log.ErrorContext(ctx, "person: read headers", "error", err)
			}
			if n == 0 || err != nil {
				break
			}
		}
		timer.Reset(lookPoll)
	}
}

// A looked is one object of a series that is to be read.
type looked struct{ site, study, series, sop, ticket string }

// Pending returns how many series wait for one of their headers to be read. One that
// cannot be read for the moment is tried again, and counts.
func (r *Register) Pending(ctx context.Context) (n int64, err error) {
	if r.Headers == nil {
		return 0, nil
	}
	return n, r.DB.QueryRow(ctx, `select count(*) from person_header where ticket <> ''`).Scan(&n)
}

// Look reads the headers of some of the studies that wait for it, notes what they say,
// and returns how many studies it were.
func (r *Register) Look(ctx context.Context) (int, error) {
	type study struct{ site, uid string }
	list, err := db.List(ctx, r.DB, func(r *db.Rows) (s study, err error) { return s, r.Scan(&s.site, &s.uid) },
		`select distinct site_id, study_uid from (select site_id, study_uid from person_header where ticket <> '' order by ticket limit $1) as next`, lookBatch)
	if err != nil {
		return 0, err
	}
	var seen []told
	var failed error
	for _, s := range list {
		t, err := r.lookAt(ctx, s.site, s.uid)
		if err != nil {
			failed = err
			break
		}
		seen = append(seen, t)
	}
	if err := r.noteTold(ctx, seen); err != nil {
		if ctx.Err() != nil || len(seen) == 1 {
			return 0, errors.Join(failed, err)
		}
		for _, t := range seen { // find out which
			failed = errors.Join(failed, r.noteTold(ctx, []told{t}))
		}
	}
	return len(list), failed
}

// A told is what the headers of one study say.
type told struct {
	site, study string
	list        []looked
	facts       []Fact
	persons     map[string]string // by series
}

// lookAt reads the headers of one study.
func (r *Register) lookAt(ctx context.Context, site, study string) (told, error) {
	t := told{site: site, study: study, persons: map[string]string{}}
	list, err := db.List(ctx, r.DB, func(r *db.Rows) (l looked, err error) {
		return l, r.Scan(&l.site, &l.study, &l.series, &l.sop, &l.ticket)
	}, `select site_id, study_uid, series_uid, sop_uid, ticket from person_header where site_id = $1 and study_uid = $2 order by series_uid`, site, study)
	if err != nil {
		return t, err
	}
	t.list = list
	for _, l := range list {
		h, err := r.Headers.Header(ctx, site, l.sop)
		switch kind := fault.Of(err); {
		case err == nil:
			t.persons[l.series] = h.Person
		case kind == fault.NotFound: // erased or deleted
		case kind == fault.Unavailable || kind == fault.Internal || ctx.Err() != nil:
			return t, err
		default: // it cannot be read, and will not be tomorrow
			t.persons[l.series] = ""
		}
		for _, f := range h.facts(site, study) {
			if !slices.ContainsFunc(t.facts, f.repeats) {
				t.facts = append(t.facts, f)
			}
		}
	}
	return t, nil
}

// noteTold notes what the headers of studies say, in one transaction. What they said
// before and say no more is forgotten.
func (r *Register) noteTold(ctx context.Context, all []told) error {
	if len(all) == 0 {
		return nil
	}
	return r.DB.Write(ctx, func(tx *db.Tx) error {
		for _, t := range all {
			if err := r.replaceTold(ctx, tx, t.site, t.study, slices.Clone(t.facts)); err != nil {
				return err
			}
			for _, l := range t.list {
				query, args := `delete from person_header where site_id = $1 and series_uid = $2 and ticket = $3`, []any{t.site, l.series, l.ticket}
				if who, ok := t.persons[l.series]; ok {
					query, args = `update person_header set person = $4, ticket = '' where site_id = $1 and series_uid = $2 and ticket = $3`, append(args, who)
				}
				if _, err := tx.Exec(ctx, query, args...); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// repeats reports whether two facts of headers of one study say the same.
func (f Fact) repeats(o Fact) bool {
	return f.Key == o.Key && f.Kind == o.Kind && f.Value == o.Value && f.At.Equal(o.At)
}

// replaceTold puts what the headers of a study say in the place of what they said.
func (r *Register) replaceTold(ctx context.Context, tx *db.Tx, site, study string, told []Fact) error {
	had, err := db.List(ctx, tx, scanFact, fromFact+`where site_id = $1 and source = 'dicom' and origin = $2`, site, study)
	if err != nil {
		return err
	}
	var gone []Fact
	for _, f := range had {
		if slices.ContainsFunc(told, f.repeats) {
			continue
		}
		if _, err := tx.Exec(ctx, `delete from person_fact where fact_id = $1`, f.ID); err != nil {
			return err
		}
		gone = append(gone, f)
	}
	told = slices.DeleteFunc(told, func(f Fact) bool { return slices.ContainsFunc(had, f.repeats) })
	slices.SortFunc(told, func(a, b Fact) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Value, b.Value)) })
	if _, err := r.Note(ctx, tx, told...); err != nil {
		return err
	}
	return r.told(ctx, tx, gone, nil)
}
