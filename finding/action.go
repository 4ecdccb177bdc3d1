package finding

import (
	"context"

	"radagora/db"
	"radagora/fault"
)

// An Action is what someone does about a finding.
type Action struct {
	ID      string // "" for a new one
	Finding string
	Kind    string // code, such as protocol_change, training, service_call
	Text    string
	Owner   string
	Due     string // 2006-01-02, "" for none
	Done    string // 2006-01-02, "" while it is not
	Result  string
	Version int64 // as it was read; 0 for a new one
}

// Act adds or changes an action on behalf of whoever asks, and returns it with its
// id and new version. It is Forbidden, NotFound, Invalid or Conflict as Decide is.
func (r *Register) Act(ctx context.Context, a Action) (Action, error) {
	var out Action
	err := r.db.Write(ctx, func(tx *db.Tx) (err error) { out, err = r.ActIn(ctx, tx, a); return err })
	return out, err
}

// ActIn is Act as part of tx.
func (r *Register) ActIn(ctx context.Context, tx *db.Tx, a Action) (Action, error) {
	if err := a.check(); err != nil {
		return Action{}, err
	}
	kind := "finding.action.changed"
	if a.ID == "" {
		kind = "finding.action.added"
	}
	site, err := allowed(ctx, tx, a.Finding)
	if err != nil {
		return Action{}, err
	}
	out := a
	out.Version = a.Version + 1
	if a.ID == "" {
		out.ID, out.Version = db.NewID(), 1
	}
	n, err := putAction(ctx, tx, site, out, a.ID == "")
	if err != nil {
		return Action{}, err
	}
	if n == 0 {
		return Action{}, fault.Errorf(fault.Conflict, "action %s was changed meanwhile, or is not there: read the finding again", a.ID)
	}
	return out, r.record(ctx, tx, site, kind, a.Finding, map[string]any{
		"action": out.ID, "kind": a.Kind, "owner": a.Owner, "due": a.Due, "done": a.Done,
	})
}

// putAction writes an action and returns whether it could: 1 or 0.
func putAction(ctx context.Context, tx *db.Tx, site string, a Action, isNew bool) (int64, error) {
	if isNew {
		return tx.Exec(ctx, `insert into finding_action (action_id, finding_id, site_id, kind, text, owner, due, done, result, version)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
			a.ID, a.Finding, site, a.Kind, a.Text, a.Owner, a.Due, a.Done, a.Result, a.Version)
	}
	return tx.Exec(ctx, `update finding_action set kind = $1, text = $2, owner = $3, due = $4, done = $5, result = $6, version = $7
		where action_id = $8 and finding_id = $9 and version = $10`,
		a.Kind, a.Text, a.Owner, a.Due, a.Done, a.Result, a.Version, a.ID, a.Finding, a.Version-1)
}

// check refuses what cannot be an action.
func (a Action) check() error {
	switch {
	case a.Kind == "":
		return fault.Errorf(fault.Invalid, "action: say what kind it is")
	case !validDay(a.Due) || !validDay(a.Done):
		return fault.Errorf(fault.Invalid, "action: write dates as YYYY-MM-DD")
	case len(a.Text) > textLimit || len(a.Result) > textLimit:
		return fault.Errorf(fault.Invalid, "action: a text is longer than %d bytes", textLimit)
	}
	return nil
}

// actions returns the actions on a finding, the oldest first.
func actions(ctx context.Context, q db.Querier, id string) ([]Action, error) {
	return db.List(ctx, q, func(r *db.Rows) (a Action, err error) {
		return a, r.Scan(&a.ID, &a.Finding, &a.Kind, &a.Text, &a.Owner, &a.Due, &a.Done, &a.Result, &a.Version)
	}, `select action_id, finding_id, kind, text, owner, due, done, result, version
		from finding_action where finding_id = $1 order by action_id`, id)
}
