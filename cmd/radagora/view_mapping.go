package main

import (
	"context"
	"encoding/base64"
	"strings"
	"time"
	"unicode/utf8"

	"radagora/dose"
	"radagora/web"
)

// A mappingView lists names and takes their meanings.
type mappingView struct{ *view }

// nameID names a local name in addresses.
func nameID(n dose.Name) string {
	return base64.RawURLEncoding.EncodeToString([]byte(string(n.Source) + "\x00" + n.Text))
}

// nameOfID returns the local name that an address names.
func nameOfID(id string) (dose.Name, error) {
	raw, err := base64.RawURLEncoding.DecodeString(id)
	source, name, ok := strings.Cut(string(raw), "\x00")
	if err != nil || !ok || !utf8.ValidString(name) {
		return dose.Name{}, notFound("local name")
	}
	return dose.Name{Source: dose.NameSource(source), Text: name}, nil
}

// Mapping implements web.Mapping.
func (v mappingView) Mapping(ctx context.Context, q web.MappingQuery) (web.MappingPage, error) {
	page := web.MappingPage{
		Exams: v.words.choices("dose/exam", "exam_code", "", q.Language), Indications: v.words.choices("dose/indication", "indication_code", "", q.Language),
		KnownBy: map[string]float64{},
	}
	var err error
	if page.Started, err = v.Dose.Started(ctx, at); err != nil {
		return page, err
	}
	d, err := v.doseView(ctx, web.DoseQuery{Language: q.Language})
	if err != nil {
		return page, err
	}
	l := nameList{mappingView: v, q: q, total: d.shares(&page)}
	if err := l.load(ctx); err != nil {
		return page, err
	}
	l.sort(&page)
	if err := l.decisions(ctx, &page); err != nil {
		return page, err
	}
	return page, l.current(ctx, &page)
}

// names returns the local names of the last twelve months, counted from the last
// examination if that is longer ago.
func (v *view) names(ctx context.Context) ([]dose.NameUse, error) {
	since, err := v.since(ctx)
	if err != nil {
		return nil, err
	}
	return v.Dose.Names(ctx, at, since)
}

// since returns the first day of those twelve months.
func (v *view) since(ctx context.Context) (string, error) {
	have, err := v.Dose.Days(ctx, at)
	if err != nil {
		return "", err
	}
	until := v.Now()
	if last := day(have.To); have.To != "" && last.Before(until) {
		until = last
	}
	return until.AddDate(-1, 0, 0).Format(time.DateOnly), nil
}

// shares computes the share that is mapped and how indications are known, and
// returns the number of examinations.
func (d *doseView) shares(page *web.MappingPage) int {
	total, mapped := 0, 0
	by := map[string]int{}
	for i := range d.o.All() {
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
