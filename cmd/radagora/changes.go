package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"radagora/access"
	"radagora/fault"
	"radagora/journal"
	"radagora/notice/feed"
)

type changesCmd struct {
	List     changesListCmd   `cmd:"" help:"Print what happened to instances and studies, oldest first."`
	Webhooks changesHooksCmd  `cmd:"" help:"List the systems that are told, and how far they are."`
	Add      changesAddCmd    `cmd:"" help:"Tell a system; its secret is printed once."`
	Rotate   changesRotateCmd `cmd:"" help:"Give it another secret; it is printed once."`
	Pause    changesPauseCmd  `cmd:"" help:"Tell it nothing for now; nothing is lost."`
	Resume   changesResumeCmd `cmd:"" help:"Tell it again, from where it was."`
	Replay   changesReplayCmd `cmd:"" help:"Tell it again from a number, a time or the beginning."`
	Remove   changesRemoveCmd `cmd:"" help:"Tell it no more."`
}

// needsChangesFolder is said in the help of commands about the feed.
const needsChangesFolder = "Needs the data folder for itself, unless packs are in an object store: use the page Change feed or /api/v1/changes while\n\"radagora serve\" runs, which also does the telling."

type changesListCmd struct {
	settings
	After int64    `placeholder:"NUMBER" help:"Only what came after this number."`
	Group []string `placeholder:"NAME" enum:"instance,complete,corrected,deleted,fetched" help:"Only these: instance, complete, corrected, deleted, fetched."`
	Limit int      `default:"1000" help:"At most so many."`
}

func (changesListCmd) Help() string {
	return `Prints one change a line as JSON: what GET /api/v1/changes answers.
` + needsChangesFolder + `

Example:

    radagora changes list --data /var/lib/radagora --group deleted`
}

// Run prints changes.
func (c changesListCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		kinds := changeKinds()
		if len(c.Group) > 0 {
			kinds = nil
			for _, g := range changeGroups() {
				for _, wanted := range c.Group {
					if g.Name == wanted {
						kinds = append(kinds, g.Kinds...)
					}
				}
			}
		}
		for e, err := range h.Journal.Find(ctx, journal.Filter{Site: at, After: c.After, Kinds: kinds, Limit: c.Limit}) {
			if err != nil {
				return err
			}
			if err := json.NewEncoder(sys.Out).Encode(feed.Of(e)); err != nil {
				return err
			}
		}
		return nil
	})
}

type changesHooksCmd struct {
	settings
	JSON bool `help:"Write JSON."`
}

func (changesHooksCmd) Help() string {
	return `Lists webhooks: state, the number of the last change each has taken, what waits, and why the last attempt failed.
` + needsChangesFolder + `

Example:

    radagora changes webhooks --data /var/lib/radagora`
}

// Run lists webhooks.
func (c changesHooksCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		all, err := h.Feed.Hooks(ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			out := make([]apiWebhook, len(all))
			for i, one := range all {
				out[i] = followerOf(one)
			}
			return json.NewEncoder(sys.Out).Encode(out)
		}
		w := tabwriter.NewWriter(sys.Out, 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "id\thost\tstate\tat\twaiting\twhat\tlast error")
		for _, one := range all {
			state := string(one.State)
			if one.Why != "" {
				state += ": " + one.Why
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%s\t%s\n", one.ID, one.Host, state, one.Cursor, one.Waiting, cmp.Or(one.Criteria, strings.Join(one.Groups, " ")), one.Error)
		}
		return w.Flush()
	})
}

// startFlags say from where a webhook is told.
type startFlags struct {
	After     int64     `placeholder:"NUMBER" xor:"from" help:"After the change with this number."`
	Since     time.Time `placeholder:"TIME" xor:"from" help:"With what happened since, such as 2026-11-22T08:00:00+01:00."`
	Beginning bool      `xor:"from" help:"With the oldest that is kept."`
}

func (f startFlags) start() feed.Start {
	if f.Beginning {
		return feed.Start{After: feed.FromTheBeginning}
	}
	return feed.Start{After: f.After, Since: f.Since}
}

type changesAddCmd struct {
	settings
	startFlags
	Address string   `arg:"" help:"Address that begins with https://, or with http:// on this machine; - reads it from standard input, if it holds a secret."`
	Group   []string `default:"instance,complete,corrected,deleted" enum:"instance,complete,corrected,deleted,fetched" help:"What it is told: instance, complete, corrected, deleted, fetched."`
}

func (changesAddCmd) Help() string {
	return `Has each change sent to the address from now on, signed with a secret that is printed this once. See
docs/changes.md for what a receiver does. A private address must also be listed with --reach.
` + needsChangesFolder + `

Example:

    radagora changes add https://index.hospital.example/radagora --data /var/lib/radagora --group complete --group deleted`
}

// Run adds a webhook.
func (c changesAddCmd) Run(ctx context.Context, sys *system) error {
	if c.Address == "-" {
		line, err := bufio.NewReader(io.LimitReader(sys.In, 4096)).ReadString('\n')
		if err != nil && line == "" {
			return wrong("no address on standard input")
		}
		c.Address = strings.TrimSpace(line)
	}
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		one, secret, err := h.follow(ctx, c.Address, c.Group, c.start())
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(sys.Out, "%s\nid %s; told what comes after change %d\n", secret, one.ID, one.Cursor)
		return err
	})
}

// hookFlags name a webhook.
type hookFlags struct {
	settings
	ID string `arg:"" help:"Id of the webhook, as \"radagora changes webhooks\" lists it."`
}

// do does something to the webhook and says so.
func (c hookFlags) do(ctx context.Context, sys *system, said string, what func(ctx context.Context, f *feed.Feed, by, id string) error) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.ChangeFollow); err != nil {
			return err
		}
		if err := what(ctx, h.Feed, access.From(ctx).ID, c.ID); err != nil {
			return err
		}
		_, err := fmt.Fprintln(sys.Out, said)
		return err
	})
}

type changesRotateCmd struct{ hookFlags }

func (changesRotateCmd) Help() string {
	return `For a week messages are signed with the former secret too.
` + needsChangesFolder + `

Example:

    radagora changes rotate 0198c0de-0001-7000-8000-000000000001 --data /var/lib/radagora`
}

// Run gives a webhook another secret.
func (c changesRotateCmd) Run(ctx context.Context, sys *system) error {
	return c.do(ctx, sys, "the former one signs too for a week", func(ctx context.Context, f *feed.Feed, by, id string) error {
		_, secret, err := f.Rotate(ctx, by, id)
		if err == nil {
			_, err = fmt.Fprintln(sys.Out, secret)
		}
		return err
	})
}

type changesPauseCmd struct{ hookFlags }

func (changesPauseCmd) Help() string {
	return `It keeps its place.
` + needsChangesFolder + `

Example:

    radagora changes pause 0198c0de-0001-7000-8000-000000000001 --data /var/lib/radagora`
}

// Run pauses a webhook.
func (c changesPauseCmd) Run(ctx context.Context, sys *system) error {
	return c.do(ctx, sys, "paused", func(ctx context.Context, f *feed.Feed, by, id string) error { return f.Pause(ctx, by, id) })
}

type changesResumeCmd struct{ hookFlags }

func (changesResumeCmd) Help() string {
	return `Also after it was paused because it did not answer.
` + needsChangesFolder + `

Example:

    radagora changes resume 0198c0de-0001-7000-8000-000000000001 --data /var/lib/radagora`
}

// Run resumes a webhook.
func (c changesResumeCmd) Run(ctx context.Context, sys *system) error {
	return c.do(ctx, sys, "it is told again", func(ctx context.Context, f *feed.Feed, by, id string) error { return f.Resume(ctx, by, id) })
}

type changesReplayCmd struct {
	hookFlags
	startFlags
}

func (changesReplayCmd) Help() string {
	return `Everything from there on is sent once more, under new message ids.
` + needsChangesFolder + `

Example:

    radagora changes replay 0198c0de-0001-7000-8000-000000000001 --data /var/lib/radagora --since 2026-11-22T08:00:00+01:00`
}

// Run has a webhook told again.
func (c changesReplayCmd) Run(ctx context.Context, sys *system) error {
	s := c.start()
	if s == (feed.Start{}) {
		return wrong("say from where: --after, --since or --beginning")
	}
	return c.do(ctx, sys, "it is told again from there", func(ctx context.Context, f *feed.Feed, by, id string) error {
		_, err := f.Replay(ctx, by, id, s)
		if err != nil && fault.Of(err) == fault.Invalid {
			return usageError{err}
		}
		return err
	})
}

type changesRemoveCmd struct{ hookFlags }

func (changesRemoveCmd) Help() string {
	return `It is called no more.
` + needsChangesFolder + `

Example:

    radagora changes remove 0198c0de-0001-7000-8000-000000000001 --data /var/lib/radagora`
}

// Run removes a webhook.
func (c changesRemoveCmd) Run(ctx context.Context, sys *system) error {
	return c.do(ctx, sys, "removed", func(ctx context.Context, f *feed.Feed, by, id string) error { return f.Remove(ctx, by, id) })
}
