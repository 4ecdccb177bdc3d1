package web

import (
	"time"

	"radagora/access/privacy"
	"radagora/lang"
	"radagora/web/face"
)

// breachesPage lists breaches and takes new ones.
func (s *server) breachesPage(v *visit) error { return v.showBreaches(privacy.Phase{}, nil) }

// showBreaches shows the list; ph and wrong are a form it has to give back.
func (v *visit) showBreaches(ph privacy.Phase, wrong map[string]string) error {
	all, err := v.Privacy.Breaches(v.r.Context(), privacySite)
	if err != nil {
		return err
	}
	pg := page{title: v.p.T("nav.privacy_breaches"), lead: v.p.T("privacy.breaches_lead"), section: "/privacy/breaches"}
	if wrong != nil {
		pg.status = 400
	}
	return v.show(pg, breachesBody(v, all, ph, wrong))
}

// instant reads day, time and offset of a form as an instant.
func (v *visit) instant(prefix string) (string, bool) {
	text := v.sent(prefix+"day") + "T" + v.sent(prefix+"time") + ":00" + v.sent(prefix+"offset")
	at, err := time.Parse(time.RFC3339, text)
	return text, err == nil && !at.After(v.Now().Add(time.Minute))
}

// offset is that of the site at an instant, as RFC 3339 writes it.
func (v *visit) offset(t time.Time) string { return v.local(t).Format("-07:00") }

// breachDiscover takes a new breach.
func (s *server) breachDiscover(v *visit) error {
	if err := v.form(); err != nil {
		return err
	}
	ph, wrong := v.phase(), map[string]string{}
	aware, ok := v.instant("aware_")
	if !ok {
		wrong["aware_time"] = v.p.T("privacy.wrong_instant")
	}
	kinds := v.r.PostForm["kinds"]
	if len(kinds) == 0 {
		wrong["kinds"] = v.p.T("privacy.wrong_kinds")
	}
	if ph.What == "" {
		wrong["what"] = v.p.T("privacy.wrong_short")
	}
	if len(wrong) > 0 {
		return v.showBreaches(ph, wrong)
	}
	id, err := s.Privacy.Discover(v.r.Context(), privacySite, aware, kinds, v.sent("risk"), ph)
	if err != nil {
		return err
	}
	return v.back("/privacy/breaches/"+id, "breach")
}

// phase reads a phase of a form.
func (v *visit) phase() privacy.Phase {
	return privacy.Phase{
		What: v.sent("what"), Data: v.sent("data"), Consequences: v.sent("consequences"), Measures: v.sent("measures"),
		Persons: v.number("persons"), Records: v.number("records"),
	}
}

// breachPage shows one breach.
func (s *server) breachPage(v *visit) error { return v.showBreach("", nil) }

// showBreach shows one breach; do and wrong are a form it has to give back.
func (v *visit) showBreach(do string, wrong map[string]string) error {
	b, err := v.Privacy.Breach(v.r.Context(), privacySite, v.r.PathValue("id"))
	if err != nil {
		return err
	}
	people, err := v.Privacy.People(v.r.Context())
	if err != nil {
		return err
	}
	pg := page{
		title: v.p.T("privacy.breach_of", lang.Args{"day": v.p.Date(v.local(b.AwareAt))}), lead: v.breachKinds(b), section: "/privacy/breaches",
		crumbs: []crumb{{v.p.T("nav.privacy_breaches"), "/privacy/breaches"}},
	}
	if wrong != nil {
		pg.status = 400
		pg.notices = []face.Notice{{Tone: face.Trouble, Title: v.p.T("form.refused"), Text: v.p.T("form.refused_text")}}
	}
	return v.show(pg, breachBody(v, b, people, do, wrong))
}

// breachMove does something with a breach.
func (s *server) breachMove(v *visit) error {
	if err := v.form(); err != nil {
		return err
	}
	ctx, id := v.r.Context(), v.r.PathValue("id")
	m := privacy.BreachMove{Do: v.sent("do"), Risk: v.sent("risk"), Why: v.sent("why"), Phase: v.phase()}
	wrong := map[string]string{}
	switch m.Do {
	case "notify", "tell":
		text, ok := v.instant("at_")
		if !ok {
			wrong["at_time"] = v.p.T("privacy.wrong_instant")
			break
		}
		m.At, _ = time.Parse(time.RFC3339, text) // instant has read it
		if b, err := s.Privacy.Breach(ctx, privacySite, id); err != nil {
			return err
		} else if m.Do == "notify" && m.At.After(b.Due) && len(m.Why) < 10 {
			wrong["why"] = v.p.T("privacy.wrong_late")
		}
	case "not":
		wrong = v.tooShort("why")
	case "phase":
		if m.Phase.What == "" {
			wrong["what"] = v.p.T("privacy.wrong_short")
		}
	}
	if len(wrong) > 0 {
		return v.showBreach(m.Do, wrong)
	}
	if err := s.Privacy.MoveBreach(ctx, privacySite, id, m); err != nil {
		return err
	}
	return v.back("/privacy/breaches/"+id, "breach")
}

// breachFacts are what is known of a breach.
func (v *visit) breachFacts(b privacy.Breach, people []face.Choice) []face.Fact {
	facts := []face.Fact{
		{Label: v.p.T("privacy.aware"), Value: v.at(b.AwareAt), Origin: b.Aware},
		{Label: v.p.T("privacy.authority_by"), Value: v.at(b.Due), Origin: v.article("gdpr", "33(1)", true)},
		{Label: v.p.T("privacy.risk"), Value: v.p.T("privacy.risk_" + b.Risk)},
		{Label: v.p.T("privacy.authority_told"), Value: v.at(b.NotifiedAt), Origin: b.WhyLate},
	}
	if b.WhyNot != "" {
		facts = append(facts, face.Fact{Label: v.p.T("privacy.not_needed"), Value: b.WhyNot})
	}
	return append(facts,
		face.Fact{Label: v.p.T("privacy.persons_told"), Value: v.at(b.ToldAt)},
		face.Fact{Label: v.p.T("privacy.noted_by"), Value: nameOf(people, b.CreatedBy), Origin: v.at(b.CreatedAt)},
		face.Fact{Label: v.p.T("privacy.closed_on"), Value: v.at(b.ClosedAt)},
	)
}

// about prints a number of persons or records, of which somebody may know nothing.
func (v *visit) about(n int) string {
	if n < 0 {
		return v.p.T("privacy.unknown")
	}
	return v.p.Count(int64(n))
}
