package protocol

import (
	"cmp"
	"context"
	"encoding/json"
	"strings"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/finding"
	"radagora/journal"
)

// RuleProposal is the rule of findings that people propose: that a protocol of a room
// should be changed.
const RuleProposal = "dose.protocol_proposal"

// A Proposal is that a protocol of a machine should become as another is.
type Proposal struct {
	ID       string
	Machine  string
	Room     string
	Protocol string
	Quantity string
	Ratio    float64 // of the medians: the example over the machine
	Low      *float64
	High     *float64
	N        int
	Changes  []Changed // from what it is to what it should be
	Note     string
	Owner    string // of the action
	Due      string // 2006-01-02, "" for none
}

// Propose proposes that the protocol of the first side of a comparison becomes as that of
// the second, and returns the finding with its action. Whoever asks must be allowed to
// decide about findings. Invalid: the sides do not differ, or no note says why.
func (r *Register) Propose(ctx context.Context, siteID, room string, c Comparison, p Proposal) (finding.Action, error) {
	if err := access.Check(ctx, access.FindingDecide, access.Subject{Site: siteID}); err != nil {
		return finding.Action{}, err
	}
	p.ID, p.Machine, p.Room, p.Protocol = db.NewID(), c.A.Machine, room, c.A.Protocol
	for _, row := range c.Rows {
		if row.Differ && row.Version {
			p.Changes = append(p.Changes, Changed{row.Code, Text(row.A), Text(row.B)})
		}
	}
	switch {
	case len(p.Changes) == 0:
		return finding.Action{}, fault.Errorf(fault.Invalid, "the two sides do not differ in a setting that could be changed")
	case strings.TrimSpace(p.Note) == "":
		return finding.Action{}, fault.Errorf(fault.Invalid, "say why the protocol should be changed")
	case len(p.Note) > 4<<10:
		return finding.Action{}, fault.Errorf(fault.Invalid, "the note is longer than 4096 bytes")
	}
	for _, e := range c.Effects {
		if e.Ratio > 0 && e.Code != "weight" {
			p.Quantity, p.Ratio, p.N = e.Code, e.Ratio, e.A.N+e.B.N
			if e.Interval {
				p.Low, p.High = &e.Low, &e.High
			}
			break
		}
	}
	var id string
	err := r.DB.Write(ctx, func(tx *db.Tx) error {
		if err := r.keep(ctx, tx, siteID, p); err != nil {
			return err
		}
		found, err := r.proposals(ctx, tx, siteID)
		if err != nil {
			return err
		}
		for _, d := range found {
			if d.Subject.Object == p.ID {
				id = d.ID()
			}
		}
		_, err = r.Findings.Derive(ctx, tx, finding.Scope{Site: siteID, Rule: RuleProposal}, found, nil)
		return err
	})
	if err != nil {
		return finding.Action{}, err
	}
	var lines []string
	for _, ch := range p.Changes {
		lines = append(lines, ch.Setting+": "+cmp.Or(ch.From, "–")+" → "+cmp.Or(ch.To, "–"))
	}
	return r.Findings.Act(ctx, finding.Action{
		Finding: id, Kind: "protocol_change", Owner: p.Owner, Due: p.Due, Text: p.Note + "\n" + strings.Join(lines, "\n"),
	})
}

// keep writes a proposal, and journals that it was made.
func (r *Register) keep(ctx context.Context, tx *db.Tx, siteID string, p Proposal) error {
	changes, err := json.Marshal(p.Changes)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `insert into dose_protocol_proposal (proposal_id, site_id, machine_id, room_id, protocol, quantity, ratio, low, high, n, changes, note, proposed_by, proposed_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
		p.ID, siteID, p.Machine, p.Room, p.Protocol, p.Quantity, p.Ratio, p.Low, p.High, p.N, string(changes), p.Note, access.From(ctx).ID, db.Millis(r.Now()))
	if err != nil {
		return err
	}
	return r.record(ctx, tx, siteID, "dose.protocol.proposed", p.ID, map[string]any{"machine": p.Machine, "changes": len(p.Changes)})
}

// record writes what somebody decided to the journal, in the same transaction.
func (r *Register) record(ctx context.Context, tx *db.Tx, siteID, kind, subject string, data map[string]any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return r.Journal.Append(ctx, tx, journal.Entry{Site: siteID, At: r.Now(), Actor: access.From(ctx).ID, Kind: kind, Subject: subject, Data: raw})
}

// proposals returns every proposal of a site as the finding it is. They are what people
// said: none is ever withdrawn by deriving anew.
func (r *Register) proposals(ctx context.Context, q db.Querier, siteID string) ([]finding.Derived, error) {
	return db.List(ctx, q, func(row *db.Rows) (d finding.Derived, err error) {
		var p Proposal
		var changes string
		err = row.Scan(&p.ID, &p.Machine, &p.Room, &p.Protocol, &p.Quantity, &p.Ratio, &p.Low, &p.High, &p.N, &changes)
		one := 1.0
		return finding.Derived{
			Rule: RuleProposal, Code: "proposed", Importance: 1, Data: json.RawMessage(changes),
			Subject:   finding.Subject{Site: siteID, Room: p.Room, Machine: p.Machine, Quantity: p.Quantity, Object: p.ID},
			Measured:  finding.Measured{Value: p.Ratio, Unit: "1", Low: p.Low, High: p.High, N: p.N},
			Reference: finding.Reference{Value: &one, Unit: "1"},
		}, err
	}, `select proposal_id, machine_id, room_id, protocol, quantity, ratio, low, high, n, changes from dose_protocol_proposal
		where site_id = $1 order by proposal_id`, siteID)
}
