package dose

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
)

// checkSet refuses a set that cannot govern: one that nobody knows, or that no
// second person found usable.
func (l *Ledger) checkSet(ctx context.Context, q db.Querier, siteID, id string) error {
	if set, ok := l.Content.Set(siteID, id); ok && set.Kind == "levels" {
		return nil
	}
	s, err := levelSet(ctx, q, siteID, id, "")
	switch {
	case fault.Of(err) == fault.NotFound:
		return fault.Errorf(fault.Invalid, "no content set of levels has the id %s", shortened(id))
	case err != nil:
		return err
	case s.State == LevelDraft:
		return fault.Errorf(fault.Conflict, "%s is a draft: it governs once a second person compared every row with its source", id)
	case s.State == LevelWithdrawn:
		return fault.Errorf(fault.Conflict, "%s was withdrawn", id)
	}
	return nil
}

// A Replacement is what a decision that a set governs would do to those that hold.
type Replacement struct {
	Govern Governing   // the decision
	End    []Governing // decisions that would end on the day before it begins
	Keep   []Governing // what goes on of those for examinations that the set has no level for
}

// replacement works out what ends and what goes on if g is decided: of two sets
// that have levels for an examination only one governs it.
func replacement(levels []Level, decisions []Governing, g Governing) Replacement {
	r := Replacement{Govern: g}
	exams := governedExams(levels, g)
	for _, old := range decisions {
		if old.Set == g.Set && old.Exam == g.Exam || old.To != "" && old.To < g.From || g.To != "" && old.From > g.To {
			continue
		}
		shared := slices.ContainsFunc(governedExams(levels, old), func(exam string) bool { return slices.Contains(exams, exam) })
		if !shared {
			continue
		}
		ended := old
		ended.To = dayBefore(g.From)
		r.End = append(r.End, ended)
		if old.Exam != "" {
			continue
		}
		for _, exam := range governedExams(levels, old) {
			if !slices.Contains(exams, exam) {
				r.Keep = append(r.Keep, Governing{Site: old.Site, Set: old.Set, Exam: exam, From: g.From, To: old.To, Note: old.Note})
			}
		}
	}
	return r
}

// governedExams returns the examinations that a decision is about, in order.
func governedExams(levels []Level, g Governing) []string {
	var all []string
	for i := range levels {
		if l := &levels[i]; l.Set.ID == g.Set && (g.Exam == "" || g.Exam == l.Exam) && !slices.Contains(all, l.Exam) {
			all = append(all, l.Exam)
		}
	}
	slices.Sort(all)
	return all
}

// Replace lets a set govern from a day on, as Govern does, and ends on the day
// before it what governed the same examinations: g goes before, for all else things
// stay as they are. An entered set of which g's is a new edition is superseded if no
// decision of it lasts. Conflict: a decision that would have to end begins only
// later, or the set cannot govern.
func (l *Ledger) Replace(ctx context.Context, g Governing) (Governing, error) {
	err := l.DB.Write(ctx, func(tx *db.Tx) (err error) { g, err = l.replace(ctx, tx, g); return err })
	return g, err
}

// replace is Replace as part of tx.
func (l *Ledger) replace(ctx context.Context, tx *db.Tx, g Governing) (Governing, error) {
	if err := l.checkGoverning(ctx, tx, g); err != nil {
		return g, err
	}
	levels, err := l.levels(ctx, tx, g.Site, "")
	if err != nil {
		return g, err
	}
	decisions, err := l.governing(ctx, tx, g.Site)
	if err != nil {
		return g, err
	}
	r := replacement(levels, decisions, g)
	for _, end := range r.End {
		if end.To < end.From {
			return g, fault.Errorf(fault.Conflict, "%s governs from %s on only: decide for a later day", end.Set, end.From)
		}
		if err := l.endGoverning(ctx, tx, g.Site, end.ID, end.To, g.DecidedBy); err != nil {
			return g, err
		}
	}
	if g, err = l.govern(ctx, tx, g); err != nil {
		return g, err
	}
	for _, keep := range r.Keep {
		keep.DecidedBy = g.DecidedBy
		if _, err := l.govern(ctx, tx, keep); err != nil {
			return g, err
		}
	}
	return g, l.supersede(ctx, tx, g)
}

// supersede makes the edition before the set that governs now history, if it is one
// that people entered and nothing of it lasts.
func (l *Ledger) supersede(ctx context.Context, tx *db.Tx, g Governing) error {
	s, err := levelSet(ctx, tx, g.Site, g.Set, "")
	if fault.Of(err) == fault.NotFound || err == nil && s.Replaces == "" {
		return nil
	}
	if err != nil {
		return err
	}
	old, err := levelSet(ctx, tx, g.Site, s.Replaces, tx.ForShare())
	if fault.Of(err) == fault.NotFound || err == nil && old.State != LevelUsable {
		return nil
	}
	if err != nil {
		return err
	}
	decisions, err := l.governing(ctx, tx, g.Site)
	if err != nil || slices.ContainsFunc(decisions, func(d Governing) bool { return d.Set == old.ID && (d.To == "" || d.To >= g.From) }) {
		return err
	}
	return l.endLevels(ctx, tx, &old, decisions, g.From, "replaced by "+s.ID, false, g.DecidedBy)
}

// A LevelChange is a row of the level table that a decision would change.
type LevelChange struct {
	RowKey
	N        int
	Median   float64
	Unit     string
	Old, New LevelOutcome
}

// A LevelOutcome is how a row stands beside a level.
type LevelOutcome struct {
	State State
	Level *Level // governing, nil if none
}

// IfGoverned tells what would change if g were decided and what governs the same
// examinations ended: the rows of the level table over a period whose state or level
// would be another one, as on the later of its last day and the first day of g. The
// set may still be a draft. Nothing is decided.
func (l *Ledger) IfGoverned(ctx context.Context, g Governing, p Period, rooms Rooms) ([]LevelChange, Replacement, error) {
	levels, err := l.levels(ctx, l.DB, g.Site, g.Set)
	if err != nil {
		return nil, Replacement{}, err
	}
	decisions, err := l.governing(ctx, l.DB, g.Site)
	if err != nil {
		return nil, Replacement{}, err
	}
	r := replacement(levels, decisions, g)
	var all []LevelChange
	for _, modality := range Modalities() {
		now, err := l.OverviewOf(ctx, g.Site, modality, p, rooms, access.Quality)
		if err != nil {
			return nil, r, err
		}
		now.Levels = levels
		all = append(all, now.changes(&r)...)
	}
	slices.SortStableFunc(all, func(a, b LevelChange) int { return compareKeys(a.RowKey, b.RowKey) })
	return all, r, nil
}

// changes returns what a replacement would change in an overview.
func (o *Overview) changes(r *Replacement) []LevelChange {
	then := *o
	then.Governing = r.decisions(o.Governing)
	day := max(o.To, r.Govern.From)
	var all []LevelChange
	for _, group := range o.asked() {
		was := o.outcome(&group, day)
		is := then.outcome(&group, day)
		if was.State == is.State && sameLevel(was.Level, is.Level) {
			continue
		}
		s := group.statistic(is.Level, o.Settings)
		all = append(all, LevelChange{RowKey: group.key, N: s.N, Median: s.Median, Unit: unitOf(group.key.Measure), Old: was, New: is})
	}
	return all
}

// outcome says how a group stands beside the level that governs it on a day.
func (o *Overview) outcome(group *askedGroup, day string) LevelOutcome {
	ref, _ := o.judge(group.key, Statistic{}, day)
	ref, answer := o.judge(group.key, group.statistic(ref.Governing, o.Settings), day)
	return LevelOutcome{answer.State, ref.Governing}
}

// sameLevel reports whether two levels are the same row of the same set.
func sameLevel(a, b *Level) bool {
	return a == b || a != nil && b != nil && a.Set == b.Set && a.Value == b.Value && a.Indicated == b.Indicated
}

// decisions returns what would hold after the replacement.
func (r *Replacement) decisions(all []Governing) []Governing {
	var after []Governing
	for _, g := range all {
		if i := slices.IndexFunc(r.End, func(e Governing) bool { return e.ID == g.ID }); i >= 0 {
			g = r.End[i]
		}
		after = append(after, g)
	}
	return append(append(after, r.Govern), r.Keep...)
}

// compareKeys orders rows as the level table does.
func compareKeys(a, b RowKey) int {
	return cmp.Or(
		strings.Compare(a.Exam, b.Exam), strings.Compare(a.Indication, b.Indication),
		strings.Compare(a.Group.Kind, b.Group.Kind), cmp.Compare(a.Group.Min, b.Group.Min),
		strings.Compare(string(b.Measure), string(a.Measure)), strings.Compare(a.Room, b.Room),
		strings.Compare(string(a.KnownBy), string(b.KnownBy)),
	)
}

// An askedGroup is a group of examinations with what is measured of them.
type askedGroup struct {
	key RowKey
	of  *Overview
	at  []ref // those that count
}

// values returns what the group contributes to its measure, as a level states it.
func (m *askedGroup) values(per string) []float64 {
	return m.of.values(m.at, m.key.Measure, per)
}

// statistic describes these values.
func (m *askedGroup) statistic(l *Level, s Settings) Statistic {
	per := ""
	if l != nil {
		per = l.Per
	}
	return Describe(m.values(per), s.Coverage)
}

// asked returns the groups of an overview by every measure that they have values
// of, whether a level governs it or not. What a measure is the ledger says in
// Item.values.
func (o *Overview) asked() []askedGroup {
	var all []askedGroup
	for _, g := range o.gather() {
		for _, m := range measures[o.Modality] {
			k := g.RowKey
			k.Measure = m
			asked := askedGroup{key: k, of: o}
			v := o.valuer(m, "")
			var own []float64
			for _, at := range g.at {
				if o.counts(at) {
					if own = v.appendTo(own[:0], at); len(own) > 0 {
						asked.at = append(asked.at, at)
					}
				}
			}
			if len(asked.at) > 0 {
				all = append(all, asked)
			}
		}
	}
	slices.SortFunc(all, func(a, b askedGroup) int { return compareKeys(a.key, b.key) })
	return all
}
