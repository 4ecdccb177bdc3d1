package dose

import (
	"context"
	"time"

	"radagora/content"
	"radagora/db"
	"radagora/fault"
)

// A LevelCheck is what somebody found who compared a row with its source.
type LevelCheck struct {
	Page   string // on which they found it
	Same   bool
	Remark string // what differs
}

// CheckLevel notes on behalf of by that a row of a draft was compared with its
// source. Forbidden: by typed the row. Invalid: another page than the row names, or
// a difference without a word on what differs.
func (l *Ledger) CheckLevel(ctx context.Context, siteID, id, rowID string, c LevelCheck, by string) error {
	return l.DB.Write(ctx, func(tx *db.Tx) error {
		s, i, err := draftRow(ctx, tx, siteID, id, rowID)
		if err != nil {
			return err
		}
		r := &s.Rows[i]
		switch {
		case by == "":
			return fault.Errorf(fault.Invalid, "somebody has to compare the row")
		case r.TypedBy == by:
			return fault.Errorf(fault.Forbidden, "who typed a row does not check it: a second person does")
		case c.Same && folded(c.Page) != folded(s.PageOf(*r)):
			return fault.Errorf(fault.Invalid, "page: the row is said to stand on page %s of the source; compare it there, or say that it differs", shortened(s.PageOf(*r)))
		case !c.Same && c.Remark == "":
			return fault.Errorf(fault.Invalid, "remark: say what differs from the source")
		}
		r.Verdict, r.CheckedBy, r.CheckedAt, r.Remark = Differs, by, db.Millis(l.Now()), oneLine(c.Remark)
		if c.Same {
			r.Verdict = Same
		}
		if err := updateLevelRow(ctx, tx, &s, r); err != nil {
			return err
		}
		return l.journalled(ctx, tx, siteID, by, "dose.level.compared", id,
			map[string]any{"row": rowID, "page": c.Page, "verdict": r.Verdict, "remark": r.Remark, "cells": r.Cells})
	})
}

// ReleaseLevels makes a draft usable on behalf of by, who answers for its heading.
// Forbidden: by typed the heading. Conflict: a row was not compared, or differs from
// its source. The file of the set goes into the journal with both names.
func (l *Ledger) ReleaseLevels(ctx context.Context, siteID, id, by string) (s LevelSet, err error) {
	err = l.DB.Write(ctx, func(tx *db.Tx) error {
		if s, err = draftSet(ctx, tx, siteID, id); err != nil {
			return err
		}
		switch n := s.Checked(); {
		case by == "":
			return fault.Errorf(fault.Invalid, "somebody has to say that the set is usable")
		case s.TypedBy == by:
			return fault.Errorf(fault.Forbidden, "who typed the heading of a set does not check it: a second person does")
		case len(s.Rows) == 0:
			return fault.Errorf(fault.Conflict, "the set has no rows")
		case n < len(s.Rows):
			return fault.Errorf(fault.Conflict, "%d of %d rows were not found to be as in the source", len(s.Rows)-n, len(s.Rows))
		}
		if problems := l.problems(&s, 0); len(problems) > 0 {
			return fault.As(fault.Invalid, content.CheckError(problems))
		}
		s.State, s.CheckedBy, s.CheckedAt = LevelUsable, by, db.Millis(l.Now())
		set, problems := s.content()
		if len(problems) > 0 {
			return fault.As(fault.Invalid, content.CheckError(problems))
		}
		s.Digest = set.Ref().Digest
		if err := updateLevelState(ctx, tx, &s); err != nil {
			return err
		}
		tx.OnCommit(l.changed)
		data := s.told()
		data["typed_by"], data["typed_at"], data["rows"], data["digest"], data["file"] = s.TypedBy, s.TypedAt, len(s.Rows), s.Digest, string(s.TSV())
		return l.journalled(ctx, tx, siteID, by, "dose.level.released", id, data)
	})
	return s, err
}

// EndLevels ends a set on behalf of by: a usable one is superseded, and is history
// from day on; with withdraw it counts nowhere any more, as a draft that is not
// wanted. Conflict: a decision that it governs lasts, or it has ended.
func (l *Ledger) EndLevels(ctx context.Context, siteID, id, day, reason string, withdraw bool, by string) error {
	return l.DB.Write(ctx, func(tx *db.Tx) error {
		s, err := levelSet(ctx, tx, siteID, id, tx.ForShare())
		if err != nil {
			return err
		}
		governing, err := l.governing(ctx, tx, siteID)
		if err != nil {
			return err
		}
		return l.endLevels(ctx, tx, &s, governing, day, reason, withdraw, by)
	})
}

// endLevels is EndLevels as part of tx, beside the decisions of the site.
func (l *Ledger) endLevels(ctx context.Context, tx *db.Tx, s *LevelSet, governing []Governing, day, reason string, withdraw bool, by string) error {
	if withdraw {
		day = ""
	} else if _, err := time.Parse(time.DateOnly, day); err != nil {
		return fault.Errorf(fault.Invalid, "the first day without the set: a day as 2026-01-31")
	}
	switch {
	case by == "", oneLine(reason) == "":
		return fault.Errorf(fault.Invalid, "reason: say why the set ends")
	case s.State == LevelWithdrawn, s.State == LevelSuperseded && !withdraw:
		return fault.Errorf(fault.Conflict, "%s is %s already", s.ID, s.State)
	case s.State == LevelDraft && !withdraw:
		return fault.Errorf(fault.Conflict, "a draft is withdrawn: it was never in use")
	}
	for _, g := range governing {
		if g.Set == s.ID && (g.To == "" || !withdraw && g.To >= day) {
			return fault.Errorf(fault.Conflict, "%s governs: let another set replace it, or end that decision first", s.ID)
		}
	}
	s.State, s.EndedBy, s.EndedAt, s.EndedDay, s.Reason = LevelSuperseded, by, db.Millis(l.Now()), day, oneLine(reason)
	if withdraw {
		s.State = LevelWithdrawn
	}
	if err := updateLevelState(ctx, tx, s); err != nil {
		return err
	}
	tx.OnCommit(l.changed)
	return l.journalled(ctx, tx, s.Site, by, "dose.level."+string(s.State), s.ID, map[string]any{"from": day, "reason": s.Reason})
}

// governing returns the decisions of a site as part of tx, earliest first.
func (*Ledger) governing(ctx context.Context, q db.Querier, siteID string) ([]Governing, error) {
	return db.List(ctx, q, scanGoverning, selectGoverning+` where site_id = $1 order by from_day, governing_id`, siteID)
}
