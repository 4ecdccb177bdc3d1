package incident

import (
	"context"
	"encoding/json"
	"iter"

	"radagora/access"
	"radagora/db"
)

var _ interface {
	access.Holder
	access.Roll
} = (*Register)(nil)

// Persons implements access.Roll.
func (*Register) Persons(ctx context.Context, q db.Querier) ([]access.Person, error) {
	return access.PersonsIn(ctx, q, `select distinct site_id, person from incident where person <> '' order by 1, 2`)
}

// about returns the incidents that were opened from an examination of a person.
func (*Register) about(ctx context.Context, q db.Querier, p access.Person) ([]Incident, error) {
	if p.ID == "" {
		return nil, nil
	}
	return db.List(ctx, q, scanIncident, selectIncident+` where site_id = $1 and person = $2 order by incident_id`, p.Site, p.ID)
}

// Export yields every incident about a person, with what was done. Who reported it is not
// part of it.
func (r *Register) Export(ctx context.Context, p access.Person) iter.Seq2[access.Record, error] {
	return func(yield func(access.Record, error) bool) {
		all, err := r.about(ctx, r.DB, p)
		if err != nil {
			yield(access.Record{}, err)
			return
		}
		for n := range all {
			i := &all[n]
			raw, err := json.Marshal(map[string]any{"number": i.Name(), "day": i.Day, "happened": i.Happened, "study": i.Study, "state": i.State, "report": i.Report, "work": i.Work})
			if !yield(access.Record{Room: "incident", Kind: "incident", ID: i.ID, Data: raw}, err) || err != nil {
				return
			}
		}
	}
}

// Erase removes from the incidents about a person whatever could say who they are: the
// link to them, the facts, and every text that somebody typed, in all steps. Codes and days stay, because
// the register is to be kept and looked at for trends (2013/59/Euratom, Art. 63(c)).
func (r *Register) Erase(ctx context.Context, tx *db.Tx, p access.Person) (int, error) {
	all, err := r.about(ctx, tx, p)
	if err != nil || len(all) == 0 {
		return 0, err
	}
	by := access.From(ctx).ID
	for n := range all {
		i, err := r.Find(ctx, tx, p.Site, all[n].ID)
		if err != nil {
			return 0, err
		}
		for _, s := range i.Steps {
			raw, err := json.Marshal(s.Work.coded())
			if err != nil {
				return 0, err
			}
			_, err = tx.Exec(ctx, `update incident_step set work = $1, reason = '' where incident_id = $2 and version = $3`, string(raw), i.ID, s.Version)
			if err != nil {
				return 0, err
			}
		}
		i.Study, i.Person = "", ""
		i.Report = Report{Kind: i.Report.Kind, Sort: i.Report.Sort, Harmed: i.Report.Harmed, Room: i.Report.Room, When: i.Happened}
		i.Work = i.Work.coded()
		if err := r.keep(ctx, tx, i, Step{Kind: Erased, By: by, At: r.Now()}); err != nil {
			return 0, err
		}
	}
	return len(all), nil
}

// coded returns a work without what somebody typed: codes and days alone.
func (w Work) coded() Work {
	w.CauseWords, w.CriterionWhy, w.Expert, w.NotifiedTo, w.NotifiedBy = "", "", "", "", ""
	w.Dose, w.DoseBy, w.DoseOf, w.Analysis, w.Lesson, w.Published = "", "", "", "", "", ""
	told := make([]Told, 0, len(w.Told))
	for _, t := range w.Told {
		kept := Told{Whom: t.Whom, Day: t.Day}
		if t.Why != "" {
			kept.Why = "-"
		}
		told = append(told, kept)
	}
	w.Told = told
	var actions []Action
	for _, a := range w.Actions {
		actions = append(actions, Action{ID: a.ID, Words: "-", Owner: a.Owner, Due: a.Due, Done: a.Done})
	}
	w.Actions = actions
	return w
}

// Restrict does nothing: the register is seen by those who keep it, and the patient's data
// are shown to those who may see the study, which a person's wish forbids.
func (*Register) Restrict(context.Context, *db.Tx, access.Person, bool) error { return nil }
