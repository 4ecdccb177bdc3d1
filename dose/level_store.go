package dose

import (
	"cmp"
	"context"
	"encoding/json"

	"radagora/content"
	"radagora/db"
	"radagora/fault"
)

const selectLevelSet = `select site_id, set_id, kind, title, authority, country, year, edition, source, page, url, statistic,
	adopted, published, valid_from, valid_to, review_due, official, note, replaces, state, digest,
	typed_by, typed_at, checked_by, checked_at, ended_by, ended_at, ended_day, reason from dose_level_set`

func scanLevelSet(r *db.Rows) (s LevelSet, err error) {
	return s, r.Scan(&s.Site, &s.ID, &s.Kind, &s.Title, &s.Authority, &s.Country, &s.Year, &s.Edition, &s.Source, &s.Page, &s.URL, &s.Statistic,
		&s.Adopted, &s.Published, &s.ValidFrom, &s.ValidTo, &s.ReviewDue, &s.Official, &s.Note, &s.Replaces, &s.State, &s.Digest,
		&s.TypedBy, &s.TypedAt, &s.CheckedBy, &s.CheckedAt, &s.EndedBy, &s.EndedAt, &s.EndedDay, &s.Reason)
}

const selectLevelRow = `select set_id, row_id, cells, typed_by, typed_at, verdict, checked_by, checked_at, remark from dose_level_row`

// A setRow is a row with the set it is of.
type setRow struct {
	set string
	LevelRow
}

func scanLevelRow(r *db.Rows) (s setRow, err error) {
	var cells string
	if err := r.Scan(&s.set, &s.ID, &cells, &s.TypedBy, &s.TypedAt, &s.Verdict, &s.CheckedBy, &s.CheckedAt, &s.Remark); err != nil {
		return s, err
	}
	return s, json.Unmarshal([]byte(cells), &s.Cells)
}

// LevelSets returns the sets that people of a site entered, with their rows, in the
// order of their ids.
func (l *Ledger) LevelSets(ctx context.Context, siteID string) (all []LevelSet, err error) {
	err = l.DB.Read(ctx, func(tx *db.Tx) error { all, err = levelSets(ctx, tx, siteID); return err })
	return all, err
}

// levelSets is LevelSets as part of tx.
func levelSets(ctx context.Context, q db.Querier, siteID string) ([]LevelSet, error) {
	all, err := db.List(ctx, q, scanLevelSet, selectLevelSet+` where site_id = $1 order by set_id`, siteID)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	rows, err := db.List(ctx, q, scanLevelRow, selectLevelRow+` where site_id = $1 order by set_id, row_id`, siteID)
	if err != nil {
		return nil, err
	}
	at := map[string]*LevelSet{}
	for i := range all {
		at[all[i].ID] = &all[i]
	}
	for _, r := range rows {
		if s := at[r.set]; s != nil {
			s.Rows = append(s.Rows, r.LevelRow)
		}
	}
	return all, nil
}

// LevelSet returns one entered set. NotFound: nobody entered it.
func (l *Ledger) LevelSet(ctx context.Context, siteID, id string) (s LevelSet, err error) {
	err = l.DB.Read(ctx, func(tx *db.Tx) error { s, err = levelSet(ctx, tx, siteID, id, ""); return err })
	return s, err
}

// levelSet is LevelSet as part of tx; hold keeps others from changing it.
func levelSet(ctx context.Context, q db.Querier, siteID, id, hold string) (LevelSet, error) {
	all, err := db.List(ctx, q, scanLevelSet, selectLevelSet+` where site_id = $1 and set_id = $2 `+hold, siteID, id)
	if err != nil {
		return LevelSet{}, err
	}
	if len(all) == 0 {
		return LevelSet{}, fault.Errorf(fault.NotFound, "nobody entered a set of levels %s", shortened(id))
	}
	rows, err := db.List(ctx, q, scanLevelRow, selectLevelRow+` where site_id = $1 and set_id = $2 order by row_id`, siteID, id)
	for _, r := range rows {
		all[0].Rows = append(all[0].Rows, r.LevelRow)
	}
	return all[0], err
}

// Levels returns all levels that a site can compare with: those of content, and
// those of sets that people of the site entered and checked. Those of a superseded
// set end on the day before it was.
func (l *Ledger) Levels(ctx context.Context, siteID string) ([]Level, error) {
	return l.levels(ctx, l.DB, siteID, "")
}

// levels is Levels as part of tx, with those of one more set that is a draft.
func (l *Ledger) levels(ctx context.Context, q db.Querier, siteID, draft string) ([]Level, error) {
	all, err := Levels(l.Content, siteID)
	if err != nil {
		return nil, err
	}
	sets, err := levelSets(ctx, q, siteID)
	if err != nil || len(sets) == 0 {
		return all, err
	}
	quantities, err := quantities(l.Content, siteID)
	if err != nil {
		return nil, err
	}
	for i := range sets {
		if s := &sets[i]; s.State == LevelUsable || s.State == LevelSuperseded || s.State == LevelDraft && s.ID == draft {
			more, err := s.levels(quantities)
			if err != nil {
				return nil, err
			}
			all = append(all, more...)
		}
	}
	return all, nil
}

// levels returns the levels of an entered set.
func (s *LevelSet) levels(quantities map[string]quantity) ([]Level, error) {
	set, problems := s.content()
	if len(problems) > 0 {
		return nil, fault.As(fault.Internal, content.CheckError(problems)) // it was read when it was entered
	}
	table, err := set.Table("levels")
	if err != nil {
		return nil, err
	}
	var all []Level
	for row := range table.All() {
		l, err := level(set, row, quantities)
		if err != nil {
			return nil, fault.Errorf(fault.Invalid, "entered set %s, row %d: %w", s.ID, row.Line()-1, err)
		}
		if s.State == LevelSuperseded && s.EndedDay != "" {
			if to, ok := content.ParseDate(dayBefore(s.EndedDay)); ok && (l.Valid.To.IsZero() || to.Last() < l.Valid.To.Last()) {
				l.Valid.To = to
			}
		}
		all = append(all, l)
	}
	return all, nil
}

// insertLevelSet writes a new set without its rows.
func insertLevelSet(ctx context.Context, tx *db.Tx, s *LevelSet) error {
	_, err := tx.Exec(ctx, `insert into dose_level_set (site_id, set_id, kind, title, authority, country, year, edition, source, page, url,
		statistic, adopted, published, valid_from, valid_to, review_due, official, note, replaces, state, digest,
		typed_by, typed_at, checked_by, checked_at, ended_by, ended_at, ended_day, reason)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, '', $22, $23, '', 0, '', 0, '', '')`,
		s.Site, s.ID, string(s.Kind), s.Title, s.Authority, s.Country, s.Year, s.Edition, s.Source, s.Page, s.URL,
		s.Statistic, s.Adopted, s.Published, s.ValidFrom, s.ValidTo, s.ReviewDue, s.Official, s.Note, s.Replaces, string(s.State),
		s.TypedBy, s.TypedAt)
	return err
}

// updateLevelHead writes what was typed of the set as a whole.
func updateLevelHead(ctx context.Context, tx *db.Tx, s *LevelSet) error {
	_, err := tx.Exec(ctx, `update dose_level_set set title = $3, authority = $4, country = $5, year = $6, edition = $7, source = $8, page = $9,
		url = $10, statistic = $11, adopted = $12, published = $13, valid_from = $14, valid_to = $15, review_due = $16, official = $17,
		note = $18, replaces = $19, typed_by = $20, typed_at = $21 where site_id = $1 and set_id = $2`,
		s.Site, s.ID, s.Title, s.Authority, s.Country, s.Year, s.Edition, s.Source, s.Page, s.URL, s.Statistic,
		s.Adopted, s.Published, s.ValidFrom, s.ValidTo, s.ReviewDue, s.Official, s.Note, s.Replaces, s.TypedBy, s.TypedAt)
	return err
}

// updateLevelState writes how far a set is.
func updateLevelState(ctx context.Context, tx *db.Tx, s *LevelSet) error {
	_, err := tx.Exec(ctx, `update dose_level_set set state = $3, digest = $4, checked_by = $5, checked_at = $6, ended_by = $7, ended_at = $8,
		ended_day = $9, reason = $10 where site_id = $1 and set_id = $2`,
		s.Site, s.ID, string(s.State), s.Digest, s.CheckedBy, s.CheckedAt, s.EndedBy, s.EndedAt, s.EndedDay, s.Reason)
	return err
}

// insertLevelRow writes a new row.
func insertLevelRow(ctx context.Context, tx *db.Tx, s *LevelSet, r *LevelRow) error {
	cells, err := json.Marshal(r.Cells)
	if err != nil {
		return err
	}
	r.ID = cmp.Or(r.ID, db.NewID())
	_, err = tx.Exec(ctx, `insert into dose_level_row (site_id, set_id, row_id, cells, typed_by, typed_at, verdict, checked_by, checked_at, remark)
		values ($1, $2, $3, $4, $5, $6, '', '', 0, '')`, s.Site, s.ID, r.ID, string(cells), r.TypedBy, r.TypedAt)
	return err
}

// updateLevelRow writes a row that changed.
func updateLevelRow(ctx context.Context, tx *db.Tx, s *LevelSet, r *LevelRow) error {
	cells, err := json.Marshal(r.Cells)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `update dose_level_row set cells = $4, typed_by = $5, typed_at = $6, verdict = $7, checked_by = $8, checked_at = $9, remark = $10
		where site_id = $1 and set_id = $2 and row_id = $3`,
		s.Site, s.ID, r.ID, string(cells), r.TypedBy, r.TypedAt, r.Verdict, r.CheckedBy, r.CheckedAt, r.Remark)
	return err
}

// deleteLevelRow takes a row of a draft away.
func deleteLevelRow(ctx context.Context, tx *db.Tx, s *LevelSet, id string) error {
	_, err := tx.Exec(ctx, `delete from dose_level_row where site_id = $1 and set_id = $2 and row_id = $3`, s.Site, s.ID, id)
	return err
}
