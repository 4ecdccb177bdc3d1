package dose

import (
	"context"
	"iter"
	"slices"
	"time"

	"radagora/content"
	"radagora/db"
	"radagora/evidence"
)

// Facts returns the facts of the evidence catalogue that dose can compute.
func (l *Ledger) Facts(rooms func(ctx context.Context, siteID string) (Rooms, error)) []evidence.Fact {
	f := facts{l, rooms}
	return []evidence.Fact{
		{ID: "dose.within_drl", Value: f.within, Cases: f.withinCases},
		{ID: "dose.median_ct_head", Value: f.medianHead, Cases: f.headCases},
		evidence.Counted("dose.size_specific", "dose.size/1", l.Now, f.sized),
	}
}

// sized returns the CT examinations of patients, counted those with a size-specific dose
// estimate from the report or a water-equivalent diameter measured on the images.
func (f facts) sized(ctx context.Context, q evidence.Query) ([]evidence.Case, error) {
	rooms, err := f.rooms(ctx, q.Site)
	if err != nil {
		return nil, err
	}
	all, err := db.List(ctx, f.l.DB, func(r *db.Rows) (c evidence.Case, err error) {
		var key, machine, day string
		if err := r.Scan(&c.Object, &key, &machine, &day, &c.Counted); err != nil {
			return c, err
		}
		c.ID, c.Room = c.Object+"_"+key, rooms(machine)
		c.At, err = time.Parse(time.DateOnly, day)
		return c, err
	}, `select x.study_uid, x.examination, x.machine_id, x.day, exists (select 1 from dose_amount a where a.site_id = x.site_id and a.study_uid = x.study_uid
			and a.examination = x.examination and a.quantity = $4)
			or exists (select 1 from dose_pixel p where p.site_id = x.site_id and p.study_uid = x.study_uid and p.state = 'measured')
		from dose_examination x where x.site_id = $1 and x.modality = 'CT' and x.day >= $2 and x.day < $3 and x.excluded not in ($5, $6)
		order by x.day, x.study_uid, x.examination`,
		q.Site, q.From.Format(time.DateOnly), q.Until.Format(time.DateOnly), string(QuantitySSDE), ExcludedNotPatient, ExcludedDuplicate)
	if q.Stratum.Room != "" {
		all = slices.DeleteFunc(all, func(c evidence.Case) bool { return c.Room != q.Stratum.Room })
	}
	return all, err
}

// Delivered returns the machines of which a dose of a day of a period is known.
func (l *Ledger) Delivered(ctx context.Context, siteID string, p Period) (map[string]bool, error) {
	list, err := db.List(ctx, l.DB, func(r *db.Rows) (m string, err error) { return m, r.Scan(&m) },
		`select distinct machine_id from dose_study where site_id = $1 and day >= $2 and day <= $3 and machine_id <> ''`, siteID, p.From, p.To)
	all := make(map[string]bool, len(list))
	for _, m := range list {
		all[m] = true
	}
	return all, err
}

// facts computes them.
type facts struct {
	l     *Ledger
	rooms func(ctx context.Context, siteID string) (Rooms, error)
}

// overview loads the examinations of a query.
func (f facts) overview(ctx context.Context, q evidence.Query) (*Overview, error) {
	rooms, err := f.rooms(ctx, q.Site)
	if err != nil {
		return nil, err
	}
	p := Period{From: q.From.Format(time.DateOnly), To: q.Until.AddDate(0, 0, -1).Format(time.DateOnly)}
	return f.l.Overview(ctx, q.Site, p, rooms)
}

// A measured is an examination with a value and, if there is one, its level.
type measured struct {
	item  *Item
	value float64
	level *Level
}

// compared yields the examinations that have a dose and a governing level for
// it. A single examination beside a level is a count for statistics and never a
// judgement of that examination.
func (o *Overview) compared(room string) iter.Seq[measured] {
	return func(yield func(measured) bool) {
		for _, r := range o.Rows {
			if r.Measure != MeasureDLP || r.Governing == nil || room != "" && r.Room != room {
				continue
			}
			for i := range r.All() {
				if i.Excluded != "" || i.DLP == nil {
					continue
				}
				if !yield(measured{i, *i.DLP, r.Governing}) {
					return
				}
			}
		}
	}
}

// within counts examinations at or below the reference level in force.
func (f facts) within(ctx context.Context, q evidence.Query) (evidence.Value, error) {
	o, err := f.overview(ctx, q)
	if err != nil {
		return evidence.Value{}, err
	}
	v := evidence.Value{Provenance: f.provenance(o, "dose.within/1")}
	for m := range o.compared(q.Stratum.Room) {
		v.N++
		v.Denominator++
		if !above(m.value, m.level.Value) {
			v.Numerator++
		}
	}
	return v, nil
}

// withinCases yields what within counts.
func (f facts) withinCases(ctx context.Context, q evidence.Query) iter.Seq2[evidence.Case, error] {
	return f.cases(ctx, q, func(o *Overview) iter.Seq[evidence.Case] {
		return func(yield func(evidence.Case) bool) {
			for m := range o.compared(q.Stratum.Room) {
				if !yield(m.item.asCase(m.value, !above(m.value, m.level.Value))) {
					return
				}
			}
		}
	})
}

// headExam is the examination that dose.median_ct_head is about, as the
// catalogue says.
const headExam = "CT_HEAD"

// heads yields the adult head examinations that count.
func (o *Overview) heads(room string) iter.Seq[*Item] {
	return func(yield func(*Item) bool) {
		for i := range o.All() {
			counts := i.Exam == headExam && i.Group.Adult() && i.Excluded == "" && i.DLP != nil
			if counts && (room == "" || i.Room == room) && !yield(i) {
				return
			}
		}
	}
}

// medianHead is the median DLP of adult CT of the head.
func (f facts) medianHead(ctx context.Context, q evidence.Query) (evidence.Value, error) {
	o, err := f.overview(ctx, q)
	if err != nil {
		return evidence.Value{}, err
	}
	var values []float64
	for i := range o.heads(q.Stratum.Room) {
		values = append(values, *i.DLP)
	}
	s := Describe(values, o.Settings.Coverage)
	return evidence.Value{N: s.N, Value: s.Median, Provenance: f.provenance(o, "dose.median/1")}, nil
}

// headCases yields what medianHead is made of.
func (f facts) headCases(ctx context.Context, q evidence.Query) iter.Seq2[evidence.Case, error] {
	return f.cases(ctx, q, func(o *Overview) iter.Seq[evidence.Case] {
		return func(yield func(evidence.Case) bool) {
			for i := range o.heads(q.Stratum.Room) {
				if !yield(i.asCase(*i.DLP, true)) {
					return
				}
			}
		}
	})
}

// cases loads the overview and yields what of it counts.
func (f facts) cases(ctx context.Context, q evidence.Query, of func(*Overview) iter.Seq[evidence.Case]) iter.Seq2[evidence.Case, error] {
	return func(yield func(evidence.Case, error) bool) {
		o, err := f.overview(ctx, q)
		if err != nil {
			yield(evidence.Case{}, err)
			return
		}
		for c := range of(o) {
			if !yield(c, nil) {
				return
			}
		}
	}
}

// asCase makes a case of an examination.
func (i *Item) asCase(value float64, counted bool) evidence.Case {
	at, err := time.Parse(time.DateOnly, i.Day)
	if err != nil {
		at = time.Time{} // the day is unknown
	}
	return evidence.Case{ID: i.ID(), Room: i.Room, At: at, Counted: counted, Value: value, Object: i.Study}
}

// provenance says what a value was computed with.
func (f facts) provenance(o *Overview, how string) evidence.Provenance {
	p := evidence.Provenance{AsOf: f.l.Now(), How: how, Content: []content.Ref{o.Settings.Ref}}
	seen := map[string]bool{}
	for _, r := range o.Rows {
		if r.Governing != nil && !seen[r.Governing.Set.ID] {
			seen[r.Governing.Set.ID] = true
			p.Content = append(p.Content, r.Governing.Set)
		}
	}
	return p
}
