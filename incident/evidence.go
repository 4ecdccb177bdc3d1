package incident

import (
	"context"
	"time"

	"radagora/content"
	"radagora/evidence"
	"radagora/fault"
)

// Facts returns the facts of the evidence catalogue that the room can compute.
func (r *Register) Facts() []evidence.Fact {
	return []evidence.Fact{
		r.share("audit.incidents_analysed", "incident.analysed/1", func(*Incident, time.Time) bool { return true },
			func(i *Incident) bool { return i.Work.Analysed != "" }),
		r.share("audit.incident_disclosure", "incident.disclosure/1", func(i *Incident, _ time.Time) bool { return i.Work.Significant == Yes },
			func(i *Incident) bool { return i.Work.Disclosed() }),
		r.share("audit.incident_notified_in_time", "incident.notified/1", notifiable, inTime(r)),
		r.share("audit.incident_classified", "incident.classified/1", func(*Incident, time.Time) bool { return true },
			func(i *Incident) bool { return i.Work.Criterion != "" }),
		{ID: "audit.incident_trend_review", Value: r.reviewed},
		{ID: "audit.unintended_rate", Value: r.unintended},
	}
}

// unintended returns the unintended exposures of patients among the events that happened
// in a time, per Per examinations whose dose is recorded. Near misses are none. The kinds
// that count are content. Examinations are known by month: those of a month that a time
// holds in part count whole.
func (r *Register) unintended(ctx context.Context, q evidence.Query) (evidence.Value, error) {
	v := evidence.Value{Provenance: evidence.Provenance{AsOf: r.Now(), How: "incident.unintended/1", Content: []content.Ref{}}}
	if r.Examinations == nil {
		return v, nil
	}
	counts, ref, err := r.exposures(q.Site)
	if err != nil {
		return v, err
	}
	v.Provenance.Content = append(v.Provenance.Content, ref)
	here, err := r.Site(ctx, q.Site)
	if err != nil {
		return v, err
	}
	from, until := q.From.In(here.Location()).Format(time.DateOnly), q.Until.In(here.Location()).Format(time.DateOnly)
	months, err := r.Examinations(ctx, q.Site, from, until)
	if err != nil {
		return v, err
	}
	for _, n := range months {
		v.N += n
		v.Denominator += float64(n)
	}
	all, err := r.List(ctx, q.Site)
	for n := range all {
		i := &all[n]
		if i.State == Aside || i.Sort != Event || i.Happened < from || i.Happened > until || !counts[i.Kind] ||
			q.Stratum.Room != "" && q.Stratum.Room != i.Report.Room {
			continue
		}
		v.Numerator++
	}
	if v.Denominator > 0 {
		v.Value = v.Numerator / v.Denominator * Per
	}
	return v, err
}

// exposures returns the kinds of incident that are unintended exposures of a patient.
func (r *Register) exposures(siteID string) (map[string]bool, content.Ref, error) {
	set, ok := r.Content.Set(siteID, kindSet)
	if !ok {
		return nil, content.Ref{}, fault.Errorf(fault.NotFound, "no content set %s", kindSet)
	}
	t, err := set.Table("kinds")
	if err != nil {
		return nil, content.Ref{}, err
	}
	all := map[string]bool{}
	for row := range t.All() {
		all[row.Text("kind_code")] = t.Has("exposure") && row.Text("exposure") == "yes"
	}
	return all, set.Ref(), nil
}

// notifiable reports whether an incident had to be notified by a moment. One whose clock
// still runs is not counted until it is notified or its clock ends.
func notifiable(i *Incident, now time.Time) bool {
	w := i.Work
	return w.Notifiable() && (w.NotifiedAt != "" || !w.Due.IsZero() && now.After(w.Due) || w.Due.IsZero() && i.State == Closed)
}

// inTime reports whether the physics expert was consulted and the authority told before
// the clock ended.
func inTime(r *Register) func(*Incident) bool {
	return func(i *Incident) bool {
		w := i.Work
		if w.NotifiedAt == "" || w.ExpertDay == "" {
			return false
		}
		here, err := r.Site(context.Background(), i.Site)
		if err != nil {
			return false
		}
		told, err := time.ParseInLocation(moments, w.NotifiedAt, here.Location())
		return err == nil && (w.Due.IsZero() || !told.After(w.Due))
	}
}

// share is a fact that counts incidents by the day of their report.
func (r *Register) share(id, how string, of func(*Incident, time.Time) bool, counts func(*Incident) bool) evidence.Fact {
	list := func(ctx context.Context, q evidence.Query) ([]evidence.Case, error) {
		all, err := r.List(ctx, q.Site)
		if err != nil {
			return nil, err
		}
		here, err := r.Site(ctx, q.Site)
		if err != nil {
			return nil, err
		}
		var cases []evidence.Case
		for n := range all {
			i := &all[n]
			at, err := time.ParseInLocation(time.DateOnly, i.Day, here.Location())
			if err != nil {
				return nil, err
			}
			if i.State == Aside || at.Before(q.From) || !at.Before(q.Until) || !of(i, r.Now()) ||
				q.Stratum.Room != "" && q.Stratum.Room != i.Report.Room {
				continue
			}
			cases = append(cases, evidence.Case{ID: i.ID, Room: i.Report.Room, At: at, Counted: counts(i), Object: i.ID})
		}
		return cases, nil
	}
	return evidence.Counted(id, how, r.Now, list)
}

// reviewed returns the day of the last review for trends.
func (r *Register) reviewed(ctx context.Context, q evidence.Query) (evidence.Value, error) {
	v := evidence.Value{Provenance: evidence.Provenance{AsOf: r.Now(), How: "incident.review/1", Content: []content.Ref{}}}
	all, err := r.Statements(ctx, q.Site)
	for _, s := range all {
		if s.Kind == Review && s.At.Before(q.Until) && s.Day > v.Date {
			v.Date = s.Day
			v.N++
		}
	}
	return v, err
}
