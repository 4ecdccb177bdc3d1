package main

import (
	"cmp"
	"context"

	"radagora/dose"
	"radagora/web"
)

// Apart implements web.DoseCT.
func (v *view) Apart(ctx context.Context, q web.DoseQuery) (web.DoseApart, error) {
	d, err := v.doseView(ctx, q)
	if err != nil {
		return web.DoseApart{}, err
	}
	return d.apart(ctx)
}

// apart lists what is in no median because nobody was examined, or because
// nobody can say what was.
func (d *doseView) apart(ctx context.Context) (web.DoseApart, error) {
	var out web.DoseApart
	all, err := d.Dose.Apart(ctx, at, dose.Period{From: d.o.From, To: d.o.To})
	if err != nil {
		return out, err
	}
	for _, a := range all {
		room := d.plan.of(a.Machine)
		if d.q.Room != "" && d.q.Room != room {
			continue
		}
		if a.NotPatient != "" {
			out.NotPatient++
		}
		out.Unassigned += a.Unassigned
		out.Studies = append(out.Studies, web.ApartStudy{
			ID: a.ID(), At: moment(cmp.Or(a.Started, a.Day), d.zone), Room: d.plan.ref(room), Description: a.Description,
			Events: a.Events, Unassigned: a.Unassigned, NotPatient: a.NotPatient,
		})
	}
	return out, nil
}

// unassigned is why events of which nobody can say the examination are in no
// median.
const unassigned = "unassigned"

// loose stands for the events of a study that belong to no examination.
func loose(s *dose.StoredStudy) *dose.Item {
	return &dose.Item{Study: s.UID, Day: s.Day, Started: s.Started, Machine: s.Machine, Name: s.Description, Excluded: unassigned}
}
