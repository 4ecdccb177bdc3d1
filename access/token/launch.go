package token

import (
	"context"
	"fmt"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
)

// launchLife is how long an app that was opened may take to ask.
const launchLife = 10 * time.Minute

// A Context is from where an app was opened: a study, and whose it is, as the rooms name
// persons.
type Context struct{ Person, Study string }

// Launchable returns the apps that can be opened from a study at a site.
func (r *Register) Launchable(ctx context.Context, site string) ([]App, error) {
	return r.apps(ctx, r.o.DB, `where launch_at <> '' and ended_at = 0 and blocked_at = 0 and (site_id = '' or site_id = $1) order by name, app_id`, site)
}

// Open notes that whoever asks opens an app from a study, and returns the address at
// which it is opened and the launch it is told (SMART App Launch 2.2.0 §EHR launch). The
// launch serves once, for ten minutes, and only if the same person says yes. NotFound:
// there is no such app, or it cannot be opened.
func (r *Register) Open(ctx context.Context, id string, from Context) (at, launch string, err error) {
	app, err := r.app(ctx, id)
	if err == nil && app.Opens == "" {
		err = fault.Errorf(fault.NotFound, "app %.40q cannot be opened from a study", id)
	}
	if err != nil {
		return "", "", err
	}
	site := r.siteOf(ctx, app.Site)
	if err := access.Check(ctx, access.OwnChange, access.Subject{Site: site}); err != nil {
		return "", "", err
	}
	if err := access.Check(ctx, access.ObjectRead, access.Subject{Site: site, Person: from.Person, Study: from.Study}); err != nil {
		return "", "", err
	}
	if launch, err = newSecret(prefixLaunch, r.o.Rand); err != nil {
		return "", "", err
	}
	now := r.o.Now()
	err = r.o.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `insert into access_launch (hash, site_id, app_id, user_id, person, study, made_at, until) values ($1, $2, $3, $4, $5, $6, $7, $8)`,
			hash(launch), app.Site, app.ID, access.From(ctx).ID, from.Person, from.Study, db.Millis(now), db.Millis(now.Add(launchLife)))
		return err
	})
	if err != nil {
		return "", "", fmt.Errorf("open an app: %w", err)
	}
	return app.Opens, launch, nil
}

// errLaunch says no more than that a launch does not serve.
func errLaunch() error {
	return refuse(fault.Invalid, "invalid_request", "the launch is unknown, over, used, or of somebody else")
}

// launched returns from where whoever asks opened an app.
func (r *Register) launched(ctx context.Context, app, launch string) (c Context, err error) {
	if !wellFormed(prefixLaunch, launch) {
		return c, errLaunch()
	}
	var user string
	var until, used int64
	err = r.o.DB.QueryRow(ctx, `select user_id, person, study, until, used_at from access_launch where hash = $1 and app_id = $2`, hash(launch), app).
		Scan(&user, &c.Person, &c.Study, &until, &used)
	switch {
	case err != nil && fault.Of(err) == fault.NotFound:
		return Context{}, errLaunch()
	case err != nil:
		return Context{}, err
	case user != access.From(ctx).ID, used != 0, db.Millis(r.o.Now()) >= until:
		return Context{}, errLaunch()
	}
	return c, nil
}
