package dose

import (
	"context"
	"fmt"
	"strings"

	"radagora/db"
	"radagora/fault"
)

// A StepKind is what somebody did about a name.
type StepKind string

// The kinds of steps.
const (
	StepProposed StepKind = "proposed"
	StepApproved StepKind = "approved"
	StepRefused  StepKind = "refused"
	StepRevoked  StepKind = "revoked" // what the name meant, it means no more
	StepUndone   StepKind = "undone"  // another step was taken back
)

// A Step is one thing that somebody did about what a name means. Steps are its history:
// they are written and never changed, but for the mark that one was undone.
type Step struct {
	ID, Site       string
	Name           string
	Source         NameSource
	Machines       []string // none for all
	Kind           StepKind
	Proposal       string // "" for a decision without one
	Batch          string // of an import
	FromExam       string // what the name meant before: "" for nothing
	FromIndication string
	Exam           string // what it is to mean
	Indication     string
	KnownBy        KnownBy
	ValidFrom      string
	By             string
	At             int64 // Unix milliseconds
	Why            string
	Undoes         string // of an undone one: the step taken back
	Undone         bool   // it was taken back
}

const selectStep = `select step_id, site_id, name, source, machines, kind, proposal_id, batch_id, from_exam, from_indication,
	exam_code, indication, known_by, valid_from, done_by, done_at, why, undoes, undone from dose_mapping_step`

func scanStep(r *db.Rows) (s Step, err error) {
	var machines string
	err = r.Scan(&s.ID, &s.Site, &s.Name, &s.Source, &machines, &s.Kind, &s.Proposal, &s.Batch, &s.FromExam, &s.FromIndication,
		&s.Exam, &s.Indication, &s.KnownBy, &s.ValidFrom, &s.By, &s.At, &s.Why, &s.Undoes, &s.Undone)
	s.Machines = strings.Fields(machines)
	return s, err
}

// History returns what was done about a name, the latest first.
func (l *Ledger) History(ctx context.Context, siteID, name string, source NameSource) ([]Step, error) {
	return db.List(ctx, l.DB, scanStep, selectStep+` where site_id = $1 and folded = $2 and source = $3 order by done_at desc, step_id desc`,
		siteID, foldName(name), string(source))
}

// LastStep returns the latest step of a person that can be undone, and whether there is
// one.
func (l *Ledger) LastStep(ctx context.Context, siteID, by string) (Step, bool, error) {
	all, err := db.List(ctx, l.DB, scanStep, selectStep+` where site_id = $1 and done_by = $2 and not undone and kind <> 'undone'
		order by done_at desc, step_id desc limit 1`, siteID, by)
	if err != nil || len(all) == 0 {
		return Step{}, false, err
	}
	return all[0], true, nil
}

// Step returns one step; NotFound if there is none such.
func (l *Ledger) Step(ctx context.Context, siteID, id string) (Step, error) {
	return findStep(ctx, l.DB, siteID, id)
}

func findStep(ctx context.Context, q db.Querier, siteID, id string) (Step, error) {
	all, err := db.List(ctx, q, scanStep, selectStep+` where site_id = $1 and step_id = $2`, siteID, id)
	if err != nil {
		return Step{}, err
	}
	if len(all) == 0 {
		return Step{}, fault.Errorf(fault.NotFound, "no step %s", id)
	}
	return all[0], nil
}

// writeStep writes a step, journals it and has what it concerns derived anew if it
// changes what a name means.
func (l *Ledger) writeStep(ctx context.Context, tx *db.Tx, s Step) error {
	_, err := tx.Exec(ctx, `insert into dose_mapping_step (step_id, site_id, name, folded, source, machines, kind, proposal_id, batch_id,
		from_exam, from_indication, exam_code, indication, known_by, valid_from, done_by, done_at, why, undoes, undone)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)`,
		s.ID, s.Site, storable(s.Name), foldName(s.Name), string(s.Source), strings.Join(s.Machines, " "), string(s.Kind), s.Proposal, s.Batch,
		s.FromExam, s.FromIndication, s.Exam, s.Indication, string(s.KnownBy), s.ValidFrom, s.By, s.At, storable(s.Why), s.Undoes, false)
	if err != nil {
		return err
	}
	var studies int64
	if s.Kind != StepProposed && s.Kind != StepRefused {
		if studies, err = l.pendName(ctx, tx, s.Site, s.Name, s.Source); err != nil {
			return err
		}
	}
	return l.journalled(ctx, tx, s.Site, s.By, "dose.mapping."+string(s.Kind), s.ID, map[string]any{
		"name": s.Name, "source": s.Source, "machines": s.Machines, "from_exam": s.FromExam, "from_indication": s.FromIndication,
		"exam": s.Exam, "indication": s.Indication, "known_by": s.KnownBy, "valid_from": s.ValidFrom, "why": s.Why,
		"proposal": s.Proposal, "batch": s.Batch, "undoes": s.Undoes, "studies": studies,
	})
}

// pendName notes the studies that bear a name, and those with events that belong to no
// examination yet, to be derived anew.
func (l *Ledger) pendName(ctx context.Context, tx *db.Tx, siteID, name string, source NameSource) (int64, error) {
	n, err := tx.Exec(ctx, `insert into dose_pending (site_id, study_uid, ticket)
		select site_id, study_uid, cast($4 as text) from (
			select site_id, study_uid from dose_name where site_id = $1 and folded = $2 and source = $3
			union select site_id, study_uid from dose_study where site_id = $1 and unassigned > 0) as concerned
		where true on conflict (site_id, study_uid) do update set ticket = excluded.ticket`,
		siteID, foldName(name), string(source), db.NewID())
	tx.OnCommit(l.poke)
	return n, err
}

// UndoStep takes a step back on behalf of by, and returns it: a proposal is withdrawn, one
// that was decided waits again, what a name meant before it means again. Only the latest
// step of a name can be undone: Conflict for an earlier one, or one undone already.
func (l *Ledger) UndoStep(ctx context.Context, siteID, id, by string) (s Step, err error) {
	err = l.DB.Write(ctx, func(tx *db.Tx) error { s, err = l.undo(ctx, tx, siteID, id, by); return err })
	return s, err
}

// UndoImport takes back everything that an import did, or nothing, and returns how many
// steps that were. Conflict: something was done since about one of its names.
func (l *Ledger) UndoImport(ctx context.Context, siteID, batch, by string) (n int, err error) {
	err = l.DB.Write(ctx, func(tx *db.Tx) error {
		all, err := db.List(ctx, tx, scanStep, selectStep+` where site_id = $1 and batch_id = $2 and not undone and kind <> 'undone'
			order by done_at desc, step_id desc`, siteID, batch)
		if err != nil {
			return err
		}
		if batch == "" || len(all) == 0 {
			return fault.Errorf(fault.NotFound, "no import %s that could be undone", batch)
		}
		for _, s := range all {
			if _, err := l.undo(ctx, tx, siteID, s.ID, by); err != nil {
				return err
			}
		}
		n = len(all)
		return l.journalled(ctx, tx, siteID, by, "dose.import.undone", batch, map[string]any{"steps": n})
	})
	return n, err
}

// undo is UndoStep as part of tx.
func (l *Ledger) undo(ctx context.Context, tx *db.Tx, siteID, id, by string) (Step, error) {
	s, err := findStep(ctx, tx, siteID, id)
	if err != nil {
		return s, err
	}
	if by == "" {
		return s, fault.Errorf(fault.Invalid, "somebody has to undo a step")
	}
	latest, err := db.List(ctx, tx, scanStep, selectStep+` where site_id = $1 and folded = $2 and source = $3 and not undone and kind <> 'undone'
		order by done_at desc, step_id desc limit 1`, siteID, foldName(s.Name), string(s.Source))
	if err != nil {
		return s, err
	}
	if len(latest) == 0 || latest[0].ID != s.ID {
		return s, fault.Errorf(fault.Conflict, "something was done since about what this name means: undo that first")
	}
	if err := l.takeBack(ctx, tx, s, by); err != nil {
		return s, err
	}
	if _, err := tx.Exec(ctx, `update dose_mapping_step set undone = $1 where step_id = $2`, true, s.ID); err != nil {
		return s, err
	}
	return s, l.writeStep(ctx, tx, Step{
		ID: db.NewID(), Site: s.Site, Name: s.Name, Source: s.Source, Machines: s.Machines, Kind: StepUndone, Proposal: s.Proposal, Batch: s.Batch,
		FromExam: s.Exam, FromIndication: s.Indication, Exam: s.FromExam, Indication: s.FromIndication,
		By: by, At: db.Millis(l.Now()), Undoes: s.ID,
	})
}

// takeBack puts the tables back to where they were before a step.
func (l *Ledger) takeBack(ctx context.Context, tx *db.Tx, s Step, by string) error {
	now := db.Millis(l.Now())
	exec := func(query string, args ...any) error {
		_, err := tx.Exec(ctx, query, args...)
		return err
	}
	switch s.Kind {
	case StepProposed:
		if err := exec(`update dose_mapping_proposal set state = 'withdrawn', decided_by = $1, decided_at = $2 where proposal_id = $3`, by, now, s.Proposal); err != nil {
			return err
		}
		return exec(`update dose_mapping_proposal set state = 'waiting', replaced_by = '' where replaced_by = $1`, s.Proposal)
	case StepRefused:
		return exec(`update dose_mapping_proposal set state = 'waiting', decided_by = '', decided_at = 0, decided_why = '' where proposal_id = $1`, s.Proposal)
	case StepApproved:
		if err := exec(`update dose_mapping set revoked_by = $1, revoked_at = $2 where step_id = $3 and revoked_at = 0`, by, now, s.ID); err != nil {
			return err
		}
		if err := exec(`update dose_mapping_proposal set state = case when proposed_by = decided_by then 'withdrawn' else 'waiting' end,
			decided_by = '', decided_at = 0 where proposal_id = $1 and proposal_id <> ''`, s.Proposal); err != nil {
			return err
		}
		return exec(`update dose_mapping set revoked_by = '', revoked_at = 0, ended_by = '' where ended_by = $1`, s.ID)
	case StepRevoked:
		return exec(`update dose_mapping set revoked_by = '', revoked_at = 0, ended_by = '' where ended_by = $1`, s.ID)
	case StepUndone:
	}
	return fault.Errorf(fault.Internal, "step %s of a kind that cannot be undone", fmt.Sprint(s.ID))
}
