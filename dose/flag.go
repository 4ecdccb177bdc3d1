package dose

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"radagora/db"
)

// What may be doubtful about the doses of a study or an examination, besides the
// warnings of reports that have the same code and what excludes from medians.
const (
	FlagDeviation   = "di_mismatch"  // a deviation index that is not that of the exposure indices
	FlagUnassigned  = "unassigned"   // events that belong to no examination without doubt
	FlagMulti       = "multi_region" // several were ordered, and what was scanned cannot be divided
	FlagManual      = "manual"       // a value that a person typed in
	FlagImported    = "imported"     // a value of an earlier dose system
	FlagMethodMixed = "method_mixed" // values by hand or calculated beside measured ones
	FlagUnreadable  = "unreadable"   // a source that nobody could read
)

// flagged are the warnings that are flags, each by the name of its flag.
var flagged = map[string]string{
	WarnTotalMismatch: WarnTotalMismatch, WarnPartMismatch: WarnPartMismatch, WarnCountMismatch: WarnCountMismatch,
	WarnPlausibility: WarnPlausibility, WarnDeviation: FlagDeviation, WarnArea: WarnArea, WarnZeroDose: WarnZeroDose,
	WarnUnitAssumed: WarnUnitAssumed, WarnUnitNonstandard: WarnUnitNonstandard, WarnUnitUnknown: WarnUnitUnknown,
	WarnPhantom: WarnPhantom, WarnDemography: WarnDemography, WarnClock: WarnClock, WarnDuplicate: WarnDuplicate,
	WarnIdentity: WarnIdentity,
}

// Flags are all flags that studies and examinations bear, in the order in which they
// are shown.
func Flags() []string {
	all := slices.Sorted(maps.Values(flagged))
	return append(all, ExcludedNotPatient, ExcludedIncomplete, FlagUnassigned, FlagMulti, FlagManual, FlagMethodMixed, FlagImported, FlagUnreadable)
}

// A flagKey is what a flag is about.
type flagKey struct{ examination, flag, machine string }

// flags count what is doubtful about a study that is being written.
type flags map[flagKey]*flagCount

// A flagCount is how often, and on which day.
type flagCount struct {
	day string
	n   int
}

// add counts a flag.
func (f flags) add(examination, flag, machine, day string) {
	k := flagKey{examination, flag, machine}
	if f[k] == nil {
		f[k] = &flagCount{day: day}
	}
	f[k].n++
}

// has reports whether a flag was counted.
func (f flags) has(flag string) bool {
	for k := range f {
		if k.flag == flag {
			return true
		}
	}
	return false
}

// examination notes the flags of an examination.
func (f flags) examination(x *Examination, amounts []Amount, excluded, machine, day string) {
	if excluded == ExcludedIncomplete {
		f.add(x.Key, excluded, machine, day)
	}
	if x.Multi {
		f.add(x.Key, FlagMulti, machine, day)
	}
	byHand, measured := false, false
	seen := map[string]bool{}
	for _, a := range amounts {
		flag := map[Class]string{FromManual: FlagManual, FromImport: FlagImported}[a.Class]
		byHand, measured = byHand || flag == FlagManual, measured || flag == ""
		if flag != "" && !seen[flag] {
			seen[flag] = true
			f.add(x.Key, flag, machine, day)
		}
	}
	if byHand && measured {
		f.add(x.Key, FlagMethodMixed, machine, day)
	}
}

// writeFlags writes what is doubtful about the study and its examinations.
func (s *studyRow) writeFlags(ctx context.Context, tx *db.Tx, exams int) error {
	f, first := s.flags, s.machines[s.first]
	note := func(all []Warning, machine, day string) {
		for _, w := range all {
			if flag := flagged[w.Code]; flag != "" {
				f.add("", flag, machine, day)
			}
		}
	}
	for _, r := range s.study.Reports {
		note(r.Warnings, s.machines[r], cmp.Or(r.day(), s.day))
	}
	note(s.study.Warnings, first, s.day)
	if s.notPatient != "" {
		f.add("", ExcludedNotPatient, first, s.day)
	}
	for range s.unassigned {
		f.add("", FlagUnassigned, first, s.day)
	}
	if s.unassigned == 0 && exams > 0 && len(s.orders) > exams && len(s.decided) == 0 && !f.has(FlagMulti) {
		f.add("", FlagMulti, first, s.day)
	}
	for range s.failed {
		f.add("", FlagUnreadable, first, s.day)
	}
	rows := make([][]any, 0, len(f))
	for k, c := range f {
		rows = append(rows, []any{s.site, s.task.study, k.examination, k.flag, k.machine, c.day, c.n})
	}
	return insertRows(ctx, tx, `insert into dose_flag (site_id, study_uid, examination, flag, machine_id, day, n)`, rows)
}
