package main

import (
	"context"
	"slices"
	"time"

	"radagora/access"
	"radagora/dose"
	"radagora/web"
	"radagora/web/face"
)

// A contentView lists content sets.
type contentView struct{ *view }

// Content implements web.Content.
func (v contentView) Content(ctx context.Context, language string) (web.ContentPage, error) {
	governing, err := v.Dose.Governing(ctx, at)
	if err != nil {
		return web.ContentPage{}, err
	}
	people, err := v.people(ctx)
	if err != nil {
		return web.ContentPage{}, err
	}
	levels, err := dose.Levels(v.view.Content, at)
	if err != nil {
		return web.ContentPage{}, err
	}
	var page web.ContentPage
	for _, s := range v.view.Content.List(at) {
		place := "built_in"
		if s.Origin != "embedded" {
			place = s.Origin
		}
		set, _ := v.view.Content.Set(at, s.ID)
		c := web.ContentSet{
			ID: s.ID, Title: s.Title, Kind: s.Kind, Edition: s.Edition, Licence: s.Licence, Status: s.Status,
			From: day(s.ValidFrom), To: day(s.ValidTo), Rows: s.Rows, Place: place, Demonstration: demonstration(s.ID),
		}
		if set != nil {
			c.TranscribedBy, c.CheckedBy, c.Source = set.TranscribedBy, set.CheckedBy, set.Source
		}
		if c.Levels = s.Kind == "levels"; c.Levels {
			c.Official, c.Exams = s.Official, v.examsOf(levels, s.ID, language)
		}
		for _, g := range governing {
			if g.Set != s.ID {
				continue
			}
			c.Decisions = append(c.Decisions, web.Decision{
				ID: g.ID, Exam: v.words.exam(g.Exam, language).Label, From: day(g.From), To: day(g.To), By: choice(people, g.DecidedBy).Label,
			})
			if g.To == "" {
				c.Governing = s.Rows
			}
		}
		page.Sets = append(page.Sets, c)
	}
	return page, nil
}

// examsOf returns the examinations that a set has levels for.
func (v contentView) examsOf(levels []dose.Level, set, language string) []face.Choice {
	var all []face.Choice
	for i := range levels {
		l := &levels[i]
		if l.Set.ID == set && !slices.ContainsFunc(all, func(c face.Choice) bool { return c.Code == l.Exam }) {
			all = append(all, v.words.exam(l.Exam, language))
		}
	}
	return all
}

// Govern implements web.Content.
func (v contentView) Govern(ctx context.Context, who web.Person, set, exam string, from time.Time) error {
	if err := may(ctx, access.LevelGovern); err != nil {
		return err
	}
	_, err := v.Dose.Govern(ctx, dose.Governing{Site: at, Set: set, Exam: exam, From: from.Format(time.DateOnly), DecidedBy: who.ID})
	return err
}

// End implements web.Content.
func (v contentView) End(ctx context.Context, who web.Person, decision string, last time.Time) error {
	if err := may(ctx, access.LevelGovern); err != nil {
		return err
	}
	return v.Dose.EndGoverning(ctx, at, decision, last.Format(time.DateOnly), who.ID)
}
