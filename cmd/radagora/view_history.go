package main

import (
	"cmp"
	"context"

	"radagora/access"
	"radagora/dicom/uid"
	"radagora/dose/history"
	"radagora/web"
	"radagora/web/face"
)

// historyView answers the pages of the person's side of dose.
type historyView struct{ *view }

var _ web.DoseHistory = historyView{}

// teller returns what tells histories.
func (h *house) teller() *history.Teller {
	return &history.Teller{Doses: h.Dose, Content: h.Content, Now: h.Now}
}

// historyOf returns the history of the person of a study, for those who may see it. That
// they did is noted.
func (h *house) historyOf(ctx context.Context, study uid.UID, effective bool) (_ history.History, person string, err error) {
	if err := h.mayStudy(ctx, access.ExaminationRead, study); err != nil {
		return history.History{}, "", err
	}
	s, err := h.Archive.Study(ctx, at, study)
	if err != nil {
		return history.History{}, "", err
	}
	person = s.Person.Reveal()
	if person == "" {
		return history.History{}, "", nil
	}
	if err := access.Check(ctx, access.ExaminationRead, access.Subject{Site: at, Person: person}); err != nil {
		return history.History{}, "", err
	}
	if err := h.noteRead(ctx, access.ExaminationRead, access.Subject{Site: at, Person: person}); err != nil {
		return history.History{}, "", err
	}
	keys, err := h.Persons.KeysIn(ctx, h.DB, at, person)
	if err != nil {
		return history.History{}, "", err
	}
	reach, err := access.ReachOf(ctx, access.ExaminationRead, at)
	if err != nil {
		return history.History{}, "", err
	}
	all, err := h.teller().Of(ctx, at, keys, reach, effective)
	return all, person, err
}

// History implements web.DoseHistory.
func (v historyView) History(ctx context.Context, language, study string, effective bool) (web.PersonDoses, error) {
	u, err := uid.Parse(study)
	if err != nil {
		return web.PersonDoses{}, notFound("study")
	}
	h, person, err := v.historyOf(ctx, u, effective)
	if err != nil {
		return web.PersonDoses{}, err
	}
	p, err := v.plan(ctx)
	if err != nil {
		return web.PersonDoses{}, err
	}
	zone := v.zone(ctx)
	out := web.PersonDoses{Study: study, Estimable: h.Estimable, Cut: h.Cut}
	if person != "" && access.Can(ctx, access.IdentityRead, access.Subject{Site: at, Person: person, Study: study}) {
		card, err := v.named(ctx, v.DB, at, person)
		if err != nil {
			return out, err
		}
		out.Name, out.Born = readable(card.Name), card.BirthDate
	}
	days := map[string]string{}
	for _, x := range h.Examinations {
		days[x.ID()] = x.Day
	}
	for _, x := range h.Examinations {
		w := web.PersonExamination{
			ID: x.ID(), Modality: x.Modality, Protocol: x.Name, At: moment(cmp.Or(x.Started, x.Day), zone),
			Exam: v.words.exam(x.Exam, language), Room: p.ref(p.of(x.Machine)).Name, Left: x.Excluded,
		}
		for _, a := range x.Amounts {
			w.Amounts = append(w.Amounts, web.PersonAmount{Quantity: string(a.Quantity), Value: a.Value, Unit: a.Unit, Typical: a.Typical.Median, N: a.Typical.N})
		}
		for _, id := range x.Earlier {
			w.Earlier = append(w.Earlier, face.Link{Text: days[id], Href: "/dose/examinations/" + id})
		}
		out.Examinations = append(out.Examinations, w)
	}
	for _, s := range h.Sums {
		out.Sums = append(out.Sums, web.PersonSum{Quantity: string(s.Quantity), Value: s.Value, Unit: s.Unit, Examinations: s.Examinations, Missing: s.Missing})
	}
	for _, e := range h.Effective {
		out.Effective = append(out.Effective, web.PersonEffective{Set: e.Set, Value: e.Value, Examinations: e.Examinations})
	}
	if r := h.Recurrent; r != nil {
		out.Limit, out.Years = r.Limit, r.Years
		out.Recurrent = &web.PersonRecurrent{From: moment(r.From, zone), To: moment(r.To, zone), Set: r.Set, Value: r.Value, Examinations: r.Examinations}
	}
	return out, nil
}
