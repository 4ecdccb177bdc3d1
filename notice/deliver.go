package notice

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/job"
)

// deliver puts a message into inboxes and plans mails and webhooks. Done twice, it
// adds nothing.
func (n *Notices) deliver(ctx context.Context, j job.Job) error {
	var d delivery
	if err := json.Unmarshal(j.Args, &d); err != nil {
		return fault.Errorf(fault.Invalid, "deliver notice: arguments that cannot be read")
	}
	to, err := n.whom(ctx, d.Message)
	if err != nil {
		return fmt.Errorf("deliver notice %s: %w", d.Kind, err)
	}
	if len(to) == 0 {
		n.o.Log.WarnContext(ctx, "nobody to tell", "kind", d.Kind, "site", d.Site)
	}
	var hooks []Webhook
	if len(d.Roles) > 0 { // what is for one account alone is no system's business
		if hooks, err = n.Webhooks(ctx); err != nil {
			return err
		}
	}
	return n.db.Write(ctx, func(tx *db.Tx) error {
		for _, account := range to {
			if err := n.put(ctx, tx, account, d); err != nil {
				return fmt.Errorf("deliver notice %s: %w", d.Kind, err)
			}
		}
		for _, h := range hooks {
			k := job.Job{Site: d.Site, Kind: jobPost, Key: h.ID + " " + d.ID}
			if err := n.add(ctx, tx, k, posting{Webhook: h.ID, Delivery: d}); err != nil {
				return err
			}
		}
		return nil
	})
}

// whom returns the accounts a message is for: those named that may still act, and
// those with the role. A role that nobody has falls to the administrators, so that
// nothing is told to nobody.
func (n *Notices) whom(ctx context.Context, m Message) ([]string, error) {
	all, err := n.o.People.All(ctx)
	if err != nil {
		return nil, err
	}
	var to []string
	for _, who := range all {
		if slices.Contains(m.To, who.ID) || has(who, m.Roles, m.Site) {
			to = append(to, who.ID)
		}
	}
	if len(to) == 0 && len(m.Roles) > 0 {
		for _, who := range all {
			if has(who, []access.Role{access.Administrator}, m.Site) {
				to = append(to, who.ID)
			}
		}
	}
	return to, nil
}

// has reports whether who has one of the roles at the site.
func has(who access.Who, roles []access.Role, site string) bool {
	return slices.ContainsFunc(who.Grants, func(g access.Grant) bool {
		return slices.Contains(roles, g.Role) && (g.Site == "" || g.Site == site)
	})
}

// put puts a message into one inbox, and plans the mail unless it is there already.
func (n *Notices) put(ctx context.Context, tx *db.Tx, account string, d delivery) error {
	mode, err := n.mode(ctx, tx, account, d.Message)
	if err != nil {
		return err
	}
	args, err := json.Marshal(d.Args)
	if err != nil {
		return fault.As(fault.Internal, err)
	}
	id := db.NewID()
	added, err := tx.Exec(ctx, `insert into notice (notice_id, message_id, site_id, account_id, kind, args, path, severity, once_key, created_at, mail)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict (message_id, account_id) do nothing`,
		id, d.ID, d.Site, account, d.Kind, string(args), d.Path, string(d.Severity), d.Once, db.Millis(d.At), string(mode))
	if err != nil || added == 0 {
		return err
	}
	switch mode {
	case Now:
		return n.add(ctx, tx, job.Job{Site: d.Site, Kind: jobMail, Key: id}, mailing{Notice: id})
	case Daily:
		return n.add(ctx, tx, job.Job{Site: d.Site, Kind: jobDigest, Key: account, RunAt: n.digestAt()}, mailing{Account: account})
	default: // Off
		return nil
	}
}

// digestHour is when digests go out: before the day begins.
const digestHour = 6

// digestAt returns the next time for a digest.
func (n *Notices) digestAt() time.Time {
	return job.Clock{Weekday: -1, Hour: digestHour, Zone: n.o.Zone}.Next(n.o.Now())
}

// mode returns how a message is to reach an account by mail.
func (n *Notices) mode(ctx context.Context, tx *db.Tx, account string, m Message) (Mode, error) {
	if n.o.Mail.Host == "" {
		return Off, nil
	}
	var said string
	err := tx.QueryRow(ctx, `select mail from notice_preference where account_id = $1 and kind = $2`, account, m.Kind).Scan(&said)
	switch {
	case err == nil:
		return Mode(said), nil
	case fault.Of(err) != fault.NotFound:
		return "", err
	case m.Severity == Urgent:
		return Now, nil
	}
	return Usual(m.Kind), nil
}

// Preferences returns how each kind reaches an account by mail.
func (n *Notices) Preferences(ctx context.Context, account string) (map[string]Mode, error) {
	all := map[string]Mode{}
	for name, k := range kinds {
		all[name] = k.mail
	}
	_, err := db.List(ctx, n.db, func(r *db.Rows) (bool, error) {
		var kind, mail string
		err := r.Scan(&kind, &mail)
		if _, known := kinds[kind]; known {
			all[kind] = Mode(mail)
		}
		return true, err
	}, `select kind, mail from notice_preference where account_id = $1`, account)
	if err != nil {
		return nil, fmt.Errorf("preferences: %w", err)
	}
	return all, nil
}

// Prefer sets how kinds reach an account by mail. It is Invalid for a kind or a mode
// that is none.
func (n *Notices) Prefer(ctx context.Context, account string, modes map[string]Mode) error {
	for kind, mode := range modes {
		if _, known := kinds[kind]; !known || mode != Now && mode != Daily && mode != Off {
			return fault.Errorf(fault.Invalid, "preferences: no kind %.60q, or no way %.20q", kind, string(mode))
		}
	}
	return n.db.Write(ctx, func(tx *db.Tx) error {
		for kind, mode := range modes {
			_, err := tx.Exec(ctx, `insert into notice_preference (account_id, site_id, kind, mail) values ($1, $2, $3, $4)
				on conflict (account_id, kind) do update set mail = excluded.mail`, account, defaultSite, kind, string(mode))
			if err != nil {
				return fmt.Errorf("preferences: %w", err)
			}
		}
		return nil
	})
}
