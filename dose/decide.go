package dose

import (
	"cmp"
	"context"
	"encoding/json"
	"strings"
	"time"

	"radagora/db"
	"radagora/fault"
	"radagora/journal"
)

const selectMapping = `select mapping_id, site_id, name, source, machine_id, exam_code, indication, known_by,
	valid_from, approved_by, approved_at, revoked_by, revoked_at from dose_mapping`

func scanMapping(r *db.Rows) (m Mapping, err error) {
	return m, r.Scan(&m.ID, &m.Site, &m.Name, &m.Source, &m.Machine, &m.Exam, &m.Indication, &m.KnownBy,
		&m.ValidFrom, &m.ApprovedBy, &m.ApprovedAt, &m.RevokedBy, &m.RevokedAt)
}

// Mappings returns the mappings of a site, revoked ones too, newest first.
func (l *Ledger) Mappings(ctx context.Context, siteID string) ([]Mapping, error) {
	return db.List(ctx, l.DB, scanMapping, selectMapping+` where site_id = $1 order by approved_at desc, mapping_id desc`, siteID)
}

// Approve says on behalf of m.ApprovedBy what a local name means, and returns the
// mapping with its id. No second person is asked: it is for what was agreed elsewhere
// (see ProposeName). One that holds for the same name, source and machine from
// the same day on is revoked by it. The studies that bear the name are derived
// anew. Invalid: a code nobody knows, a way of knowing without an indication or
// the other way round, a day that is none.
func (l *Ledger) Approve(ctx context.Context, m Mapping) (Mapping, error) {
	err := l.DB.Write(ctx, func(tx *db.Tx) (err error) { m, err = l.approve(ctx, tx, m); return err })
	return m, err
}

// approve is Approve as part of tx.
func (l *Ledger) approve(ctx context.Context, tx *db.Tx, m Mapping) (Mapping, error) {
	if err := l.checkMapping(&m); err != nil {
		return Mapping{}, err
	}
	s := m.step(StepApproved, m.ApprovedBy, db.Millis(l.Now()))
	m, err := l.hold(ctx, tx, m, &s)
	if err != nil {
		return Mapping{}, err
	}
	return m, l.writeStep(ctx, tx, s)
}

// step returns the step that m is about.
func (m Mapping) step(kind StepKind, by string, at int64) Step {
	return Step{
		ID: db.NewID(), Site: m.Site, Name: m.Name, Source: m.Source, Machines: strings.Fields(m.Machine), Kind: kind,
		Exam: m.Exam, Indication: m.Indication, KnownBy: m.KnownBy, ValidFrom: m.ValidFrom, By: by, At: at,
	}
}

// hold lets a mapping hold from the step s on, in the place of the one that held for the
// same machine from the same day on, and notes in s what the name meant before.
func (l *Ledger) hold(ctx context.Context, tx *db.Tx, m Mapping, s *Step) (Mapping, error) {
	before, err := db.List(ctx, tx, scanMapping, selectMapping+` where site_id = $1 and folded = $2 and source = $3 and revoked_at = 0`,
		m.Site, foldName(m.Name), string(m.Source))
	if err != nil {
		return Mapping{}, err
	}
	if was, ok := NewMappings(before).Find(m.Name, m.Source, m.Machine, "9999-12-31"); ok && s.FromExam == "" {
		s.FromExam, s.FromIndication = was.Exam, was.Indication
	}
	m.ID, m.ApprovedAt, m.RevokedBy, m.RevokedAt = db.NewID(), s.At, "", 0
	_, err = tx.Exec(ctx, `update dose_mapping set revoked_by = $1, revoked_at = $2, ended_by = $3
		where site_id = $4 and folded = $5 and source = $6 and machine_id = $7 and valid_from = $8 and revoked_at = 0`,
		m.ApprovedBy, m.ApprovedAt, s.ID, m.Site, foldName(m.Name), string(m.Source), m.Machine, m.ValidFrom)
	if err != nil {
		return Mapping{}, err
	}
	_, err = tx.Exec(ctx, `insert into dose_mapping (mapping_id, site_id, name, folded, source, machine_id,
		exam_code, indication, known_by, valid_from, approved_by, approved_at, step_id)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		m.ID, m.Site, m.Name, foldName(m.Name), string(m.Source), m.Machine,
		m.Exam, m.Indication, string(m.KnownBy), m.ValidFrom, m.ApprovedBy, m.ApprovedAt, s.ID)
	return m, err
}

// Revoke takes a mapping back on behalf of by. NotFound: there is none with this
// id that holds.
func (l *Ledger) Revoke(ctx context.Context, siteID, id, by string) error {
	return l.DB.Write(ctx, func(tx *db.Tx) error { return l.revoke(ctx, tx, siteID, id, by) })
}

// revoke is Revoke as part of tx.
func (l *Ledger) revoke(ctx context.Context, tx *db.Tx, siteID, id, by string) error {
	all, err := db.List(ctx, tx, scanMapping, selectMapping+` where site_id = $1 and mapping_id = $2 and revoked_at = 0`, siteID, id)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return fault.Errorf(fault.NotFound, "no mapping %s that holds", id)
	}
	m := all[0]
	st := m.step(StepRevoked, by, db.Millis(l.Now()))
	st.FromExam, st.FromIndication, st.Exam, st.Indication, st.KnownBy = m.Exam, m.Indication, "", "", ""
	if _, err := tx.Exec(ctx, `update dose_mapping set revoked_by = $1, revoked_at = $2, ended_by = $3 where mapping_id = $4`,
		by, st.At, st.ID, id); err != nil {
		return err
	}
	return l.writeStep(ctx, tx, st)
}

// checkMapping makes a mapping complete and refuses what cannot be.
func (l *Ledger) checkMapping(m *Mapping) error {
	m.Name = strings.TrimSpace(m.Name)
	switch {
	case m.Name == "" || len(m.Name) > 1000:
		return fault.Errorf(fault.Invalid, "a mapping needs a name of 1 to 1000 bytes")
	case m.Source != FromProcedure && m.Source != FromProtocol && m.Source != FromCode:
		return fault.Errorf(fault.Invalid, "a mapping is of a procedure, a protocol or a code")
	case m.ApprovedBy == "":
		return fault.Errorf(fault.Invalid, "somebody has to approve a mapping")
	case m.Indication == "" && m.KnownBy != "", m.Indication != "" && m.KnownBy.rank() < 0:
		return fault.Errorf(fault.Invalid, "an indication and how it is known go together")
	}
	if m.Exam == NotAnExamination && m.Indication != "" {
		return fault.Errorf(fault.Invalid, "what is no examination has no indication")
	}
	if m.Exam != NotAnExamination {
		if err := l.known(m.Site, "dose/exam", "exam_code", m.Exam); err != nil {
			return err
		}
	}
	if m.Indication != "" {
		if err := l.known(m.Site, "dose/indication", "indication_code", m.Indication); err != nil {
			return err
		}
	}
	m.ValidFrom = cmp.Or(m.ValidFrom, "0001-01-01")
	if _, err := time.Parse(time.DateOnly, m.ValidFrom); err != nil {
		return fault.Errorf(fault.Invalid, "valid from: a day as 2026-01-31")
	}
	return nil
}

// known refuses a code that the content does not have.
func (l *Ledger) known(siteID, set, column, code string) error {
	table, err := l.Content.Table(siteID, set, "codes")
	if err != nil {
		return err
	}
	for row := range table.All() {
		if row.Text(column) == code {
			return nil
		}
	}
	return fault.Errorf(fault.Invalid, "content set %s has no such code", set)
}

// journalled writes an entry about a decision.
func (l *Ledger) journalled(ctx context.Context, tx *db.Tx, siteID, by, kind, subject string, data map[string]any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return l.Journal.Append(ctx, tx, journal.Entry{Site: siteID, Actor: by, Kind: kind, Subject: subject, Data: raw})
}

const selectGoverning = `select governing_id, site_id, set_id, exam_code, from_day, to_day, decided_by, decided_at, note from dose_governing`

func scanGoverning(r *db.Rows) (g Governing, err error) {
	return g, r.Scan(&g.ID, &g.Site, &g.Set, &g.Exam, &g.From, &g.To, &g.DecidedBy, &g.DecidedAt, &g.Note)
}

// Governing returns the decisions of a site about which set governs, earliest first.
func (l *Ledger) Governing(ctx context.Context, siteID string) ([]Governing, error) {
	return db.List(ctx, l.DB, scanGoverning, selectGoverning+` where site_id = $1 order by from_day, governing_id`, siteID)
}

// Govern lets a set of levels govern from a day on, on behalf of g.DecidedBy. It
// is Conflict if another set would govern the same examination, indication and
// size group on the same day, Invalid for a set or code nobody knows.
func (l *Ledger) Govern(ctx context.Context, g Governing) (Governing, error) {
	err := l.DB.Write(ctx, func(tx *db.Tx) (err error) { g, err = l.govern(ctx, tx, g); return err })
	return g, err
}

// govern is Govern as part of tx.
func (l *Ledger) govern(ctx context.Context, tx *db.Tx, g Governing) (Governing, error) {
	levels, err := l.levels(ctx, tx, g.Site, "")
	if err != nil {
		return Governing{}, err
	}
	if err := l.checkGoverning(ctx, tx, g); err != nil {
		return Governing{}, err
	}
	g.ID, g.DecidedAt = db.NewID(), db.Millis(l.Now())
	others, err := db.List(ctx, tx, scanGoverning, selectGoverning+` where site_id = $1 `+tx.ForShare(), g.Site)
	if err != nil {
		return Governing{}, err
	}
	if err := Overlapping(levels, append(others, g)); err != nil {
		return Governing{}, err
	}
	_, err = tx.Exec(ctx, `insert into dose_governing (governing_id, site_id, set_id, exam_code, from_day, to_day, decided_by, decided_at, note)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, g.ID, g.Site, g.Set, g.Exam, g.From, g.To, g.DecidedBy, g.DecidedAt, g.Note)
	if err != nil {
		return Governing{}, err
	}
	tx.OnCommit(l.changed)
	return g, l.journalled(ctx, tx, g.Site, g.DecidedBy, "dose.level.governed", g.ID,
		map[string]any{"set": g.Set, "exam": g.Exam, "from": g.From, "to": g.To})
}

// EndGoverning ends a decision on a day, the last one on which it holds.
func (l *Ledger) EndGoverning(ctx context.Context, siteID, id, day, by string) error {
	if _, err := time.Parse(time.DateOnly, day); err != nil {
		return fault.Errorf(fault.Invalid, "the last day: a day as 2026-01-31")
	}
	return l.DB.Write(ctx, func(tx *db.Tx) error { return l.endGoverning(ctx, tx, siteID, id, day, by) })
}

// endGoverning is EndGoverning as part of tx.
func (l *Ledger) endGoverning(ctx context.Context, tx *db.Tx, siteID, id, day, by string) error {
	n, err := tx.Exec(ctx, `update dose_governing set to_day = $1 where site_id = $2 and governing_id = $3 and (to_day = '' or to_day > $1)`, day, siteID, id)
	if err != nil {
		return err
	}
	if n == 0 {
		return fault.Errorf(fault.NotFound, "no decision %s that lasts beyond %s", id, day)
	}
	tx.OnCommit(l.changed)
	return l.journalled(ctx, tx, siteID, by, "dose.level.ended", id, map[string]any{"to": day})
}

// checkGoverning refuses a decision that cannot be.
func (l *Ledger) checkGoverning(ctx context.Context, q db.Querier, g Governing) error {
	if err := l.checkSet(ctx, q, g.Site, g.Set); err != nil {
		return err
	}
	if g.DecidedBy == "" {
		return fault.Errorf(fault.Invalid, "somebody has to decide which levels govern")
	}
	for _, day := range []string{g.From, cmp.Or(g.To, g.From)} {
		if _, err := time.Parse(time.DateOnly, day); err != nil {
			return fault.Errorf(fault.Invalid, "from and to: a day as 2026-01-31")
		}
	}
	if g.To != "" && g.To < g.From {
		return fault.Errorf(fault.Invalid, "the last day is before the first")
	}
	if g.Exam == "" {
		return nil
	}
	return l.known(g.Site, "dose/exam", "exam_code", g.Exam)
}

// changed tells whoever wants to know that comparisons may have changed.
func (l *Ledger) changed() {
	if l.Changed != nil {
		l.Changed()
	}
}
