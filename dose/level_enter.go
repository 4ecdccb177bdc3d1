package dose

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"radagora/content"
	"radagora/db"
	"radagora/fault"
)

// EnterLevels begins a set on behalf of s.TypedBy: its heading, and rows if it has
// any. It is a draft and compares nothing until a second person found every row to
// be as in its source. What was refused of the rows comes back with line and way
// out. Conflict: there is a set of this id; Invalid: the heading lacks something.
func (l *Ledger) EnterLevels(ctx context.Context, s LevelSet, rows LevelTable) (_ LevelSet, refused []content.Problem, err error) {
	err = l.DB.Write(ctx, func(tx *db.Tx) error { refused, err = l.enterLevels(ctx, tx, &s, rows); return err })
	return s, refused, err
}

// enterLevels is EnterLevels as part of tx.
func (l *Ledger) enterLevels(ctx context.Context, tx *db.Tx, s *LevelSet, rows LevelTable) ([]content.Problem, error) {
	var err error
	if s.ID, err = LevelID(s.ID); err != nil {
		return nil, err
	}
	s.State, s.Digest, s.CheckedBy, s.CheckedAt, s.Rows = LevelDraft, "", "", 0, nil
	if err := l.checkHead(s); err != nil {
		return nil, err
	}
	if _, there := l.Content.Set(s.Site, s.ID); there {
		return nil, fault.Errorf(fault.Conflict, "the program has a set %s: give this one another name", s.ID)
	}
	if _, err := levelSet(ctx, tx, s.Site, s.ID, ""); err == nil {
		return nil, fault.Errorf(fault.Conflict, "there is a set %s: a new edition has another name", s.ID)
	} else if fault.Of(err) != fault.NotFound {
		return nil, err
	}
	s.TypedAt = db.Millis(l.Now())
	if err := insertLevelSet(ctx, tx, s); err != nil {
		return nil, err
	}
	if err := l.journalled(ctx, tx, s.Site, s.TypedBy, "dose.level.entered", s.ID, s.told()); err != nil {
		return nil, err
	}
	if len(rows.Rows) == 0 {
		return nil, nil
	}
	return l.addLevels(ctx, tx, s, rows, s.TypedBy)
}

// TryLevels returns what EnterLevels would refuse of rows, and enters nothing.
func (l *Ledger) TryLevels(s LevelSet, rows LevelTable) (refused []content.Problem, err error) {
	if s.ID, err = LevelID(s.ID); err != nil {
		return nil, err
	}
	s.Rows = nil
	if err := l.checkHead(&s); err != nil {
		return nil, err
	}
	refused, _ = l.fit(&s, rows)
	return refused, nil
}

// told is what the journal keeps of the heading of a set.
func (s *LevelSet) told() map[string]any {
	return map[string]any{
		"kind": s.Kind, "title": s.Title, "authority": s.Authority, "country": s.Country, "year": s.Year, "edition": s.Edition,
		"source": s.Source, "page": s.Page, "url": s.URL, "statistic": s.Statistic, "adopted": s.Adopted, "published": s.Published,
		"valid_from": s.ValidFrom, "valid_to": s.ValidTo, "review_due": s.ReviewDue, "official": s.Official, "replaces": s.Replaces,
	}
}

// checkHead makes a heading complete and refuses what cannot be.
func (l *Ledger) checkHead(s *LevelSet) error {
	s.Kind = cmp.Or(s.Kind, LevelNotice)
	for _, text := range []*string{
		&s.Title, &s.Authority, &s.Country, &s.Year, &s.Edition, &s.Source, &s.Page, &s.URL, &s.Statistic, &s.Adopted,
		&s.Published, &s.ValidFrom, &s.ValidTo, &s.ReviewDue, &s.Note, &s.Replaces,
	} {
		if *text = oneLine(*text); len(*text) > 2000 {
			return fault.Errorf(fault.Invalid, "a field of the heading has at most 2000 bytes")
		}
	}
	s.Edition = cmp.Or(s.Edition, s.Year, s.Published)
	for _, f := range [...]struct{ what, value string }{
		{"title", s.Title},
		{"authority", s.Authority},
		{"country", s.Country},
		{"edition", s.Edition},
		{"source", s.Source},
		{"statistic", s.Statistic},
		{"who types it", s.TypedBy},
	} {
		if f.value == "" {
			return fault.Errorf(fault.Invalid, "%s: a set of levels needs it", f.what)
		}
	}
	if s.Kind != LevelNotice && s.Official {
		return fault.Errorf(fault.Invalid, "the site's own values are no official levels")
	}
	for _, day := range []string{s.Year, s.Adopted, s.Published, s.ValidFrom, s.ValidTo, s.ReviewDue} {
		if _, ok := content.ParseDate(day); !ok {
			return fault.Errorf(fault.Invalid, "%s is not a date: write YYYY-MM-DD, or YYYY alone", shortened(day))
		}
	}
	if _, problems := s.content(); len(problems) > 0 {
		return fault.As(fault.Invalid, content.CheckError(problems))
	}
	return nil
}

// AddLevels adds rows to a draft on behalf of by. Rows that break a rule are left
// out and come back, each with line, rule and way out. NotFound, Conflict: it is no
// draft.
func (l *Ledger) AddLevels(ctx context.Context, siteID, id string, rows LevelTable, by string) (added int, refused []content.Problem, err error) {
	err = l.DB.Write(ctx, func(tx *db.Tx) error {
		s, err := draftSet(ctx, tx, siteID, id)
		if err != nil {
			return err
		}
		before := len(s.Rows)
		refused, err = l.addLevels(ctx, tx, &s, rows, by)
		added = len(s.Rows) - before
		return err
	})
	return added, refused, err
}

// draftSet loads a set to be changed. Conflict: it is in use, or history.
func draftSet(ctx context.Context, tx *db.Tx, siteID, id string) (LevelSet, error) {
	s, err := levelSet(ctx, tx, siteID, id, tx.ForShare())
	if err == nil && s.State != LevelDraft {
		err = fault.Errorf(fault.Conflict, "%s is %s and is not changed any more: enter a new edition", id, s.State)
	}
	return s, err
}

// addLevels adds rows to a set that is a draft.
func (l *Ledger) addLevels(ctx context.Context, tx *db.Tx, s *LevelSet, rows LevelTable, by string) ([]content.Problem, error) {
	if by == "" {
		return nil, fault.Errorf(fault.Invalid, "somebody has to type the rows")
	}
	if len(s.Rows)+len(rows.Rows) > levelRowLimit {
		return nil, fault.Errorf(fault.Exhausted, "a set of levels has at most %d rows", levelRowLimit)
	}
	refused, kept := l.fit(s, rows)
	now := db.Millis(l.Now())
	for i := range kept {
		kept[i].TypedBy, kept[i].TypedAt = by, now
		if err := insertLevelRow(ctx, tx, s, &kept[i]); err != nil {
			return nil, err
		}
	}
	s.Rows = append(s.Rows, kept...)
	if len(kept) == 0 {
		return refused, nil
	}
	return refused, l.journalled(ctx, tx, s.Site, by, "dose.level.typed", s.ID, map[string]any{"rows": len(kept), "refused": len(rows.Rows) - len(kept)})
}

// fit returns which of the rows may stand in the set, and what is wrong with the
// others. A row that only contradicts one that is refused itself may stand.
func (l *Ledger) fit(s *LevelSet, rows LevelTable) (refused []content.Problem, kept []LevelRow) {
	lines := slices.Clone(rows.lines)
	for i, r := range rows.Rows {
		if i >= len(lines) {
			lines = append(lines, i+1)
		}
		r.Cells = cleaned(r.Cells)
		complete(l.Content, s, &r)
		kept = append(kept, r)
	}
	at := slices.Concat(make([]int, len(s.Rows)), lines)
	for {
		all := *s
		all.Rows = slices.Concat(s.Rows, kept)
		found := l.problems(&all, len(s.Rows))
		if other := slices.DeleteFunc(slices.Clone(found), contradicts); len(other) > 0 {
			found = other // who contradicts a row that is refused itself may stand
		}
		bad := map[int]bool{}
		for _, p := range found {
			p, row := rowLine(p, at)
			if row < 0 { // of no row: nothing can stand
				return append(refused, p), nil
			}
			if row >= len(s.Rows) {
				refused, bad[row] = append(refused, p), true
			}
		}
		if len(bad) == 0 {
			return refused, kept
		}
		kept, at = without(all.Rows, bad)[len(s.Rows):], without(at, bad)
	}
}

// contradicts reports whether a problem is that two rows contradict each other.
func contradicts(p content.Problem) bool { return p.Code == content.BothValid }

// without leaves out what is marked.
func without[T any](all []T, out map[int]bool) []T {
	var kept []T
	for i, x := range all {
		if !out[i] {
			kept = append(kept, x)
		}
	}
	return kept
}

// cleaned returns the cells that a row of a set has.
func cleaned(cells map[string]string) map[string]string {
	all := map[string]string{}
	for _, c := range rowColumns {
		if text := oneLine(cells[c]); text != "" {
			all[c] = text
		}
	}
	return all
}

// problems returns what is wrong with the rows of a set from the place first on.
func (l *Ledger) problems(s *LevelSet, first int) []content.Problem {
	set, problems := s.content()
	if len(problems) == 0 {
		problems = l.Content.Fits(s.Site, set)
	}
	for i := first; i < len(s.Rows); i++ {
		if s.PageOf(s.Rows[i]) == "" {
			problems = append(problems, content.Problem{Line: i + 2, Column: "page", Code: content.Empty})
		}
	}
	return problems
}

// CorrectLevel types a row of a draft anew on behalf of by: whoever compared it
// compares it again. What breaks a rule comes back, and the row stays as it was.
func (l *Ledger) CorrectLevel(ctx context.Context, siteID, id, rowID string, cells map[string]string, by string) (refused []content.Problem, err error) {
	err = l.DB.Write(ctx, func(tx *db.Tx) error {
		s, i, err := draftRow(ctx, tx, siteID, id, rowID)
		if err != nil {
			return err
		}
		r := LevelRow{ID: rowID, Cells: cleaned(cells), TypedBy: by, TypedAt: db.Millis(l.Now())}
		complete(l.Content, &s, &r)
		s.Rows = append(slices.Delete(s.Rows, i, i+1), r)
		if refused = l.problems(&s, len(s.Rows)-1); len(refused) > 0 {
			return nil
		}
		if err := updateLevelRow(ctx, tx, &s, &r); err != nil {
			return err
		}
		return l.journalled(ctx, tx, siteID, by, "dose.level.corrected", id, map[string]any{"row": rowID, "cells": r.Cells})
	})
	return refused, err
}

// RemoveLevel takes a row of a draft away on behalf of by.
func (l *Ledger) RemoveLevel(ctx context.Context, siteID, id, rowID, by string) error {
	return l.DB.Write(ctx, func(tx *db.Tx) error {
		s, i, err := draftRow(ctx, tx, siteID, id, rowID)
		if err != nil {
			return err
		}
		if err := deleteLevelRow(ctx, tx, &s, rowID); err != nil {
			return err
		}
		return l.journalled(ctx, tx, siteID, by, "dose.level.removed", id, map[string]any{"row": rowID, "cells": s.Rows[i].Cells})
	})
}

// draftRow loads a draft and finds one of its rows.
func draftRow(ctx context.Context, tx *db.Tx, siteID, id, rowID string) (LevelSet, int, error) {
	s, err := draftSet(ctx, tx, siteID, id)
	if err != nil {
		return s, 0, err
	}
	i := slices.IndexFunc(s.Rows, func(r LevelRow) bool { return r.ID == rowID })
	if i < 0 {
		return s, 0, fault.Errorf(fault.NotFound, "%s has no such row", id)
	}
	return s, i, nil
}

// ChangeLevelHead types the heading of a draft anew on behalf of by, who then has
// typed it. Its id and kind stay.
func (l *Ledger) ChangeLevelHead(ctx context.Context, siteID, id string, head LevelHead, by string) error {
	return l.DB.Write(ctx, func(tx *db.Tx) error {
		s, err := draftSet(ctx, tx, siteID, id)
		if err != nil {
			return err
		}
		s.LevelHead, s.TypedBy, s.TypedAt = head, by, db.Millis(l.Now())
		if err := l.checkHead(&s); err != nil {
			return err
		}
		// What a row does not say the heading says: it is to be compared again.
		for i := range s.Rows {
			if r := &s.Rows[i]; r.Verdict != "" {
				r.Verdict, r.CheckedBy, r.CheckedAt = "", "", 0
				if err := updateLevelRow(ctx, tx, &s, r); err != nil {
					return err
				}
			}
		}
		if err := updateLevelHead(ctx, tx, &s); err != nil {
			return err
		}
		return l.journalled(ctx, tx, siteID, by, "dose.level.headed", id, s.told())
	})
}

// dayBefore returns the day before a day, "" for no day.
func dayBefore(day string) string {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return ""
	}
	return t.AddDate(0, 0, -1).Format(time.DateOnly)
}

// folded is a page as it is compared: 12, S. 12 and p. 12 are the same.
func folded(page string) string {
	page = strings.ToLower(strings.Join(strings.Fields(page), ""))
	for _, word := range []string{"pages", "page", "seite", "pp.", "p.", "s."} {
		page = strings.TrimPrefix(page, word)
	}
	return page
}
