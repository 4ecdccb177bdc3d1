package dose

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"radagora/db"
	"radagora/fault"
)

// A ProposalState says what became of a proposal.
type ProposalState string

// The states of a proposal. One that waits is used for nothing.
const (
	ProposalWaiting   ProposalState = "waiting"
	ProposalApproved  ProposalState = "approved"
	ProposalRefused   ProposalState = "refused"
	ProposalWithdrawn ProposalState = "withdrawn" // undone, or replaced by another of the same person
)

// A NameProposal is what somebody says a local name means, until a second person agrees.
type NameProposal struct {
	ID, Site   string
	Name       string
	Source     NameSource
	Machines   []string // ids of those it is for, none for all
	Exam       string   // code in dose/exam, or NotAnExamination
	Indication string
	KnownBy    KnownBy
	ValidFrom  string // day
	Why        string
	By         string
	At         int64 // Unix milliseconds
	State      ProposalState
	DecidedBy  string // "" while it waits
	DecidedAt  int64
	DecidedWhy string
	Batch      string // import it came with, "" for one by hand
}

const selectNameProposal = `select proposal_id, site_id, name, source, machines, exam_code, indication, known_by, valid_from, why,
	proposed_by, proposed_at, state, decided_by, decided_at, decided_why, batch_id from dose_mapping_proposal`

func scanNameProposal(r *db.Rows) (p NameProposal, err error) {
	var machines string
	err = r.Scan(&p.ID, &p.Site, &p.Name, &p.Source, &machines, &p.Exam, &p.Indication, &p.KnownBy, &p.ValidFrom, &p.Why,
		&p.By, &p.At, &p.State, &p.DecidedBy, &p.DecidedAt, &p.DecidedWhy, &p.Batch)
	p.Machines = strings.Fields(machines)
	return p, err
}

// WaitingNames returns the proposals of a site that a second person has to decide on, the
// oldest first.
func (l *Ledger) WaitingNames(ctx context.Context, siteID string) ([]NameProposal, error) {
	return db.List(ctx, l.DB, scanNameProposal, selectNameProposal+` where site_id = $1 and state = 'waiting' order by proposed_at, proposal_id`, siteID)
}

// ProposeName says on behalf of p.By what a local name means. It is used when a second
// person agrees, at once where one person decides alone. A waiting proposal of the same
// person for the same name is replaced. Conflict: one of somebody else waits. Invalid: as
// of Approve.
func (l *Ledger) ProposeName(ctx context.Context, p NameProposal) (NameProposal, error) {
	err := l.DB.Write(ctx, func(tx *db.Tx) (err error) { p, err = l.proposeName(ctx, tx, p); return err })
	return p, err
}

// proposeName is ProposeName as part of tx.
func (l *Ledger) proposeName(ctx context.Context, tx *db.Tx, p NameProposal) (NameProposal, error) {
	m := p.mapping("")
	m.ApprovedBy = p.By
	if err := l.checkMapping(&m); err != nil {
		return p, err
	}
	if len(p.Why) > 1000 {
		return p, fault.Errorf(fault.Invalid, "why: at most 1000 bytes")
	}
	p.Name, p.ValidFrom = m.Name, m.ValidFrom
	p.ID, p.At, p.State = db.NewID(), db.Millis(l.Now()), ProposalWaiting
	p.DecidedBy, p.DecidedAt, p.DecidedWhy = "", 0, ""
	alone, err := l.alone(ctx, tx, p.Site)
	if err != nil {
		return p, err
	}
	if err := l.replaceWaiting(ctx, tx, p); err != nil {
		return p, err
	}
	_, err = tx.Exec(ctx, `insert into dose_mapping_proposal (proposal_id, site_id, name, folded, source, machines, exam_code, indication,
		known_by, valid_from, why, proposed_by, proposed_at, state, batch_id)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
		p.ID, p.Site, storable(p.Name), foldName(p.Name), string(p.Source), strings.Join(p.Machines, " "), p.Exam, p.Indication,
		string(p.KnownBy), p.ValidFrom, storable(p.Why), p.By, p.At, string(p.State), p.Batch)
	if err != nil {
		return p, err
	}
	if alone.Alone {
		return l.agree(ctx, tx, p, p.By)
	}
	s := p.step(StepProposed, p.By, p.At)
	s.Why = p.Why
	return p, l.writeStep(ctx, tx, s)
}

// replaceWaiting takes back the proposals of the same person that p is in the place of.
func (l *Ledger) replaceWaiting(ctx context.Context, tx *db.Tx, p NameProposal) error {
	waiting, err := db.List(ctx, tx, scanNameProposal, selectNameProposal+` where site_id = $1 and folded = $2 and source = $3 and state = 'waiting'`,
		p.Site, foldName(p.Name), string(p.Source))
	if err != nil {
		return err
	}
	for _, other := range waiting {
		if !overlapMachines(p.Machines, other.Machines) {
			continue
		}
		if other.By != p.By {
			return fault.Errorf(fault.Conflict, "another proposal for this name waits: decide on it first")
		}
		if _, err := tx.Exec(ctx, `update dose_mapping_proposal set state = 'withdrawn', replaced_by = $1 where proposal_id = $2`, p.ID, other.ID); err != nil {
			return err
		}
	}
	return nil
}

// overlapMachines reports whether two lists of machines have one in common; none is all.
func overlapMachines(a, b []string) bool {
	return len(a) == 0 || len(b) == 0 || slices.ContainsFunc(a, func(m string) bool { return slices.Contains(b, m) })
}

// mapping returns what p says for a machine.
func (p NameProposal) mapping(machine string) Mapping {
	return Mapping{
		Site: p.Site, Name: p.Name, Source: p.Source, Machine: machine, Exam: p.Exam,
		Indication: p.Indication, KnownBy: p.KnownBy, ValidFrom: p.ValidFrom,
	}
}

// AgreeNames approves waiting proposals on behalf of by, all or none: from then on they hold,
// and what bears their names is derived anew. Forbidden: by proposed one of them and
// nobody decides alone here. NotFound: one does not wait.
func (l *Ledger) AgreeNames(ctx context.Context, siteID string, ids []string, by string) error {
	return l.DB.Write(ctx, func(tx *db.Tx) error {
		alone, err := l.alone(ctx, tx, siteID)
		if err != nil {
			return err
		}
		for _, id := range ids {
			p, err := waitingName(ctx, tx, siteID, id)
			if err != nil {
				return err
			}
			if p.By == by && !alone.Alone {
				return fault.Errorf(fault.Forbidden, "a second person approves what somebody proposed")
			}
			if _, err := l.agree(ctx, tx, p, by); err != nil {
				return err
			}
		}
		return nil
	})
}

// waitingName returns a proposal that waits.
func waitingName(ctx context.Context, tx *db.Tx, siteID, id string) (NameProposal, error) {
	all, err := db.List(ctx, tx, scanNameProposal, selectNameProposal+` where site_id = $1 and proposal_id = $2 and state = 'waiting'`, siteID, id)
	if err != nil {
		return NameProposal{}, err
	}
	if len(all) == 0 {
		return NameProposal{}, fault.Errorf(fault.NotFound, "no proposal %s that waits", id)
	}
	return all[0], nil
}

// agree makes a proposal hold.
func (l *Ledger) agree(ctx context.Context, tx *db.Tx, p NameProposal, by string) (NameProposal, error) {
	if by == "" {
		return p, fault.Errorf(fault.Invalid, "somebody has to approve a mapping")
	}
	p.State, p.DecidedBy, p.DecidedAt = ProposalApproved, by, db.Millis(l.Now())
	if err := decideProposal(ctx, tx, p); err != nil {
		return p, err
	}
	s := p.step(StepApproved, by, p.DecidedAt)
	if by == p.By {
		s.Why = p.Why
	}
	machines := p.Machines
	if len(machines) == 0 {
		machines = []string{""}
	}
	for _, machine := range machines {
		m := p.mapping(machine)
		m.ApprovedBy = by
		if err := l.checkMapping(&m); err != nil { // content may have changed since
			return p, err
		}
		if _, err := l.hold(ctx, tx, m, &s); err != nil {
			return p, err
		}
	}
	return p, l.writeStep(ctx, tx, s)
}

// decideProposal writes what became of a proposal.
func decideProposal(ctx context.Context, tx *db.Tx, p NameProposal) error {
	_, err := tx.Exec(ctx, `update dose_mapping_proposal set state = $1, decided_by = $2, decided_at = $3, decided_why = $4 where proposal_id = $5`,
		string(p.State), p.DecidedBy, p.DecidedAt, storable(p.DecidedWhy), p.ID)
	return err
}

// RefuseName refuses a waiting proposal on behalf of by, with a reason.
func (l *Ledger) RefuseName(ctx context.Context, siteID, id, by, why string) error {
	why = strings.TrimSpace(why)
	if by == "" || len(why) > 1000 {
		return fault.Errorf(fault.Invalid, "somebody has to refuse, in at most 1000 bytes")
	}
	return l.DB.Write(ctx, func(tx *db.Tx) error {
		p, err := waitingName(ctx, tx, siteID, id)
		if err != nil {
			return err
		}
		p.State, p.DecidedBy, p.DecidedAt, p.DecidedWhy = ProposalRefused, by, db.Millis(l.Now()), why
		if err := decideProposal(ctx, tx, p); err != nil {
			return err
		}
		s := p.step(StepRefused, by, p.DecidedAt)
		s.Why = why
		return l.writeStep(ctx, tx, s)
	})
}

// An Alone says whether one person decides what names mean at a site, by whose decision
// and why. The zero one is that of a site where nobody decided: a second person agrees.
type Alone struct {
	Site  string
	Alone bool
	By    string
	At    int64
	Why   string
}

// Alone returns whether one person decides at a site.
func (l *Ledger) Alone(ctx context.Context, siteID string) (Alone, error) {
	return l.alone(ctx, l.DB, siteID)
}

// alone is Alone as part of a transaction or not.
func (l *Ledger) alone(ctx context.Context, q db.Querier, siteID string) (Alone, error) {
	all, err := db.List(ctx, q, func(r *db.Rows) (a Alone, err error) {
		return a, r.Scan(&a.Site, &a.Alone, &a.By, &a.At, &a.Why)
	}, `select site_id, alone, decided_by, decided_at, why from dose_mapping_alone where site_id = $1`, siteID)
	if err != nil || len(all) == 0 {
		return Alone{Site: siteID}, err
	}
	return all[0], nil
}

// DecideAlone says whether one person decides at a site, on behalf of a.By and with a
// reason. What waits goes on waiting.
func (l *Ledger) DecideAlone(ctx context.Context, a Alone) error {
	a.Why = strings.TrimSpace(a.Why)
	if a.By == "" || a.Why == "" || len(a.Why) > 1000 {
		return fault.Errorf(fault.Invalid, "who decides that one person suffices says why, in 1 to 1000 bytes")
	}
	a.At = db.Millis(l.Now())
	return l.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `insert into dose_mapping_alone (site_id, alone, decided_by, decided_at, why) values ($1, $2, $3, $4, $5)
			on conflict (site_id) do update set alone = excluded.alone, decided_by = excluded.decided_by, decided_at = excluded.decided_at, why = excluded.why`,
			a.Site, a.Alone, a.By, a.At, storable(a.Why))
		if err != nil {
			return err
		}
		return l.journalled(ctx, tx, a.Site, a.By, "dose.mapping.alone", a.Site, map[string]any{"alone": a.Alone, "why": a.Why})
	})
}

// step returns the step that p is about.
func (p NameProposal) step(kind StepKind, by string, at int64) Step {
	return Step{
		ID: db.NewID(), Site: p.Site, Name: p.Name, Source: p.Source, Machines: p.Machines, Kind: kind, Proposal: p.ID, Batch: p.Batch,
		Exam: p.Exam, Indication: p.Indication, KnownBy: p.KnownBy, ValidFrom: cmp.Or(p.ValidFrom, "0001-01-01"), By: by, At: at,
	}
}
