package main

import (
	"cmp"
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/dose"
	"radagora/web"
	"radagora/web/face"
)

// A mappingView lists names and takes their meanings.
type mappingView struct{ *view }

// nameID names a local name in addresses.
func nameID(n dose.NameUse) string {
	return base64.RawURLEncoding.EncodeToString([]byte(string(n.Source) + "\x00" + n.Text))
}

// Mapping implements web.Mapping.
func (v mappingView) Mapping(ctx context.Context, language string) (web.MappingPage, error) {
	page := web.MappingPage{
		Exams: v.words.choices("dose/exam", "exam_code", "CT", language), Indications: v.words.choices("dose/indication", "indication_code", "", language),
		KnownBy: map[string]float64{},
	}
	var err error
	if page.Started, err = v.Dose.Started(ctx, at); err != nil {
		return page, err
	}
	names, err := v.names(ctx)
	if err != nil {
		return page, err
	}
	mappings, err := v.Dose.Mappings(ctx, at)
	if err != nil {
		return page, err
	}
	p, err := v.plan(ctx)
	if err != nil {
		return page, err
	}
	d, err := v.doseView(ctx, web.DoseQuery{Language: language})
	if err != nil {
		return page, err
	}
	total := d.shares(&page)
	known := dose.NewMappings(mappings)
	for _, n := range names {
		w := web.LocalName{ID: nameID(n), Name: n.Text, Source: string(n.Source), N: n.Examinations, LastSeen: day(n.LastDay)}
		if total > 0 {
			w.Share = float64(n.Examinations) / float64(total)
		}
		for _, m := range n.Machines {
			if room := p.ref(p.of(m)).Name; !slices.Contains(w.Rooms, room) {
				w.Rooms = append(w.Rooms, room)
			}
		}
		m, mapped := known.Find(n.Text, n.Source, "", "9999-12-31")
		switch {
		case mapped:
			page.Mapped = append(page.Mapped, v.mapped(w, m, language))
		case n.Unmapped > 0:
			w.N = n.Unmapped
			page.Unmapped = append(page.Unmapped, w)
		}
	}
	for _, m := range mappings {
		if m.RevokedAt == 0 {
			last := v.mapped(web.LocalName{Name: m.Name, Source: string(m.Source)}, m, language)
			page.Last = &last
			break
		}
	}
	return page, nil
}

// names returns the local names of the last twelve months, counted from the last
// examination if that is longer ago.
func (v *view) names(ctx context.Context) ([]dose.NameUse, error) {
	have, err := v.Dose.Days(ctx, at)
	if err != nil || have.To == "" {
		return nil, err
	}
	until := v.Now()
	if last := day(have.To); last.Before(until) {
		until = last
	}
	return v.Dose.Names(ctx, at, until.AddDate(-1, 0, 0).Format(time.DateOnly))
}

// mapped adds what a mapping says to a name.
func (v mappingView) mapped(w web.LocalName, m dose.Mapping, language string) web.LocalName {
	w.Exam = v.words.exam(m.Exam, language)
	if m.Indication != "" {
		w.Indication = face.Choice{Code: m.Indication, Label: v.words.indication(m.Indication, language)}
	}
	w.KnownBy, w.ApprovedBy, w.ApprovedAt = string(m.KnownBy), m.ApprovedBy, time.UnixMilli(m.ApprovedAt)
	return w
}

// shares computes the share that is mapped and how indications are known, and
// returns the number of examinations.
func (d *doseView) shares(page *web.MappingPage) int {
	total, mapped := 0, 0
	by := map[string]int{}
	for _, i := range d.o.Items {
		if i.Excluded == dose.ExcludedNotPatient {
			continue
		}
		total++
		if i.Exam != "" {
			mapped++
		}
		if i.KnownBy != "" {
			by[string(i.KnownBy)]++
		}
	}
	if total == 0 {
		return 0
	}
	page.Share = float64(mapped) / float64(total)
	for k, n := range by {
		page.KnownBy[k] = float64(n) / float64(total)
	}
	return total
}

// Decide implements web.Mapping.
func (v mappingView) Decide(ctx context.Context, who web.Person, m web.MappingDecision) error {
	if err := may(ctx, access.MappingApprove); err != nil {
		return err
	}
	raw, err := base64.RawURLEncoding.DecodeString(m.ID)
	source, name, ok := strings.Cut(string(raw), "\x00")
	if err != nil || !ok {
		return notFound("local name")
	}
	_, err = v.Dose.Approve(ctx, dose.Mapping{
		Site: at, Name: name, Source: dose.NameSource(source), Exam: cmp.Or(m.Exam, dose.NotAnExamination),
		Indication: m.Indication, KnownBy: dose.KnownBy(m.KnownBy), ApprovedBy: who.ID,
	})
	return err
}

// Undo implements web.Mapping.
func (v mappingView) Undo(ctx context.Context, who web.Person) error {
	if err := may(ctx, access.MappingApprove); err != nil {
		return err
	}
	all, err := v.Dose.Mappings(ctx, at)
	if err != nil {
		return err
	}
	for _, m := range all {
		if m.ApprovedBy == who.ID && m.RevokedAt == 0 {
			return v.Dose.Revoke(ctx, at, m.ID, who.ID)
		}
	}
	return notFound("decision to take back")
}
