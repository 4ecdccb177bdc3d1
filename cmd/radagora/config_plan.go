package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"radagora/access"
	"radagora/access/account"
	"radagora/dose"
	"radagora/fault"
	"radagora/site"
)

// configurationOf returns the configuration of an installation.
func (s settings) configurationOf(ctx context.Context, h *house) (*configuration, error) {
	c := &configuration{Accounts: []accountEntry{}, Sites: map[string]*siteEntries{}}
	users, err := h.Users.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	for _, u := range users {
		if e, ok := accountOf(u); ok && u.Ended.IsZero() {
			c.Accounts = append(c.Accounts, e)
		}
	}
	sorted(c.Accounts)
	sites, err := h.Sites.Sites(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range sites {
		if c.Sites[s.ID], err = entriesOf(ctx, h, s); err != nil {
			return nil, err
		}
	}
	c.Elsewhere, err = s.elsewhereOf(ctx, h)
	return c, err
}

// entriesOf returns the configuration of a site.
func entriesOf(ctx context.Context, h *house, s site.Site) (*siteEntries, error) {
	e := &siteEntries{Site: &siteEntry{s.Name, s.Country, s.Timezone}}
	layout, err := h.Sites.Layout(ctx, s.ID)
	if err != nil {
		return nil, err
	}
	for _, r := range layout.Rooms {
		e.Rooms = append(e.Rooms, roomEntry(r))
	}
	for _, m := range layout.Machines {
		e.Machines = append(e.Machines, machineEntry(m))
	}
	peers, err := h.Sites.Peers(ctx, s.ID)
	if err != nil {
		return nil, err
	}
	for _, p := range peers {
		e.Peers = append(e.Peers, peerEntryOf(p))
	}
	titles, err := h.Sites.Titles(ctx, s.ID)
	if err != nil {
		return nil, err
	}
	for _, t := range titles {
		e.Titles = append(e.Titles, titleEntryOf(t))
	}
	governing, err := h.Dose.Governing(ctx, s.ID)
	if err != nil {
		return nil, err
	}
	for _, g := range governing {
		e.Levels = append(e.Levels, levelOf(g))
	}
	mappings, err := h.Dose.Mappings(ctx, s.ID)
	if err != nil {
		return nil, err
	}
	for _, m := range mappings {
		if m.RevokedAt == 0 {
			e.Names = append(e.Names, nameOf(m))
		}
	}
	sorted(e.Levels)
	sorted(e.Names)
	return e, nil
}

// A configPlan is what it takes to make an installation as files say.
type configPlan struct {
	lines             []string
	add, change, gone int
	impossible        []string
	remarks           []string // what differs and is set elsewhere

	hooks, tokens []string // to be ended
	sites         site.Configuration
	accounts      account.Configuration
	dose          dose.Decisions
}

// note writes a line about one thing.
func (p *configPlan) note(sign, file, key, text string) {
	line := sign + " " + file
	if key != "" {
		line += "  " + key
	}
	if text != "" {
		line += ": " + text
	}
	p.lines = append(p.lines, line)
}

// cannot notes what no plan can do.
func (p *configPlan) cannot(file, key, why string) {
	p.impossible = append(p.impossible, fmt.Sprintf("%s  %s: %s", file, key, why))
}

// compare sorts what files want and what there is into things to add, to change and
// to remove.
func compare[T interface{ key() string }](p *configPlan, file string, want, have []T) (add, change, gone []T) {
	there := map[string]T{}
	for _, e := range have {
		there[e.key()] = e
	}
	for _, e := range want {
		old, ok := there[e.key()]
		delete(there, e.key())
		switch {
		case !ok:
			add = append(add, e)
			p.add++
			p.note("+", file, e.key(), "")
		case !reflect.DeepEqual(fields(old), fields(e)):
			change = append(change, e)
			p.change++
			p.note("~", file, e.key(), differences(old, e))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(there)) {
		gone = append(gone, there[key])
		p.gone++
		p.note("-", file, key, "")
	}
	return add, change, gone
}

// fields returns the lines that an entry has in its file.
func fields(v any) []string {
	text, err := yaml.Marshal(v)
	if err != nil {
		panic(err) // entries are plain structs
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

// differences names what an entry says otherwise.
func differences(old, now any) string {
	was, is := fields(old), fields(now)
	out := slices.DeleteFunc(slices.Clone(was), func(s string) bool { return slices.Contains(is, s) })
	in := slices.DeleteFunc(slices.Clone(is), func(s string) bool { return slices.Contains(was, s) })
	return "{" + strings.Join(out, ", ") + "} becomes {" + strings.Join(in, ", ") + "}"
}

// planOf compares files with an installation.
func (s settings) planOf(ctx context.Context, h *house, want *configuration) (*configPlan, error) {
	have, err := s.configurationOf(ctx, h)
	if err != nil {
		return nil, err
	}
	p := &configPlan{sites: site.Configuration{Layouts: map[string]site.Layout{}, Removed: map[string]site.Layout{}}}
	for _, id := range slices.Sorted(maps.Keys(want.Sites)) {
		if have.Sites[id] == nil {
			p.cannot(path.Join("sites", id), "site", "there is no such site")
			continue
		}
		if err := p.compareSite(ctx, h, id, want.Sites[id], have.Sites[id]); err != nil {
			return nil, err
		}
	}
	if want.Elsewhere != nil {
		p.compareElsewhere(want.Elsewhere, have.Elsewhere)
	}
	if want.Accounts == nil {
		return p, nil
	}
	return p, p.compareAccounts(ctx, h, want.Accounts, have.Accounts)
}

// compareSite plans the changes at one site.
func (p *configPlan) compareSite(ctx context.Context, h *house, id string, want, have *siteEntries) error {
	in := path.Join("sites", id)
	if want.Site != nil {
		_, change, _ := compare(p, path.Join(in, "site.yaml"), []siteEntry{*want.Site}, []siteEntry{*have.Site})
		for _, s := range change {
			p.sites.Sites = append(p.sites.Sites, site.Site{ID: id, Name: s.Name, Country: s.Country, Timezone: s.Timezone})
		}
	}
	if want.hasRooms {
		p.compareRooms(path.Join(in, "rooms.yaml"), id, want, have)
	}
	if want.hasPeers {
		add, change, gone := compare(p, path.Join(in, "peers.yaml"), want.Peers, have.Peers)
		for _, e := range append(add, change...) {
			p.sites.Peers = append(p.sites.Peers, e.peer(id))
		}
		for _, e := range gone {
			p.sites.RemovedPeers = append(p.sites.RemovedPeers, e.peer(id))
		}
	}
	if want.hasTitles {
		add, change, gone := compare(p, path.Join(in, "titles.yaml"), want.Titles, have.Titles)
		for _, e := range append(add, change...) {
			p.sites.Titles = append(p.sites.Titles, e.self(id))
		}
		for _, e := range gone {
			p.sites.RemovedTitles = append(p.sites.RemovedTitles, e.self(id))
		}
	}
	if want.hasLevels {
		if err := p.compareLevels(ctx, h, path.Join(in, "levels.yaml"), id, want.Levels, have.Levels); err != nil {
			return err
		}
	}
	if want.hasNames {
		return p.compareNames(ctx, h, path.Join(in, "names.yaml"), id, want.Names, have.Names)
	}
	return nil
}

// compareRooms plans rooms and machines.
func (p *configPlan) compareRooms(file, id string, want, have *siteEntries) {
	var set, removed site.Layout
	add, change, gone := compare(p, file, want.Rooms, have.Rooms)
	for _, e := range append(add, change...) {
		set.Rooms = append(set.Rooms, site.RoomDecision(e))
	}
	for _, e := range gone {
		removed.Rooms = append(removed.Rooms, site.RoomDecision(e))
	}
	more, other, less := compare(p, file, want.Machines, have.Machines)
	for _, e := range append(more, other...) {
		set.Machines = append(set.Machines, site.MachineDecision(e))
	}
	for _, e := range less {
		removed.Machines = append(removed.Machines, site.MachineDecision(e))
	}
	if len(set.Rooms)+len(set.Machines) > 0 {
		p.sites.Layouts[id] = set
	}
	if len(removed.Rooms)+len(removed.Machines) > 0 {
		p.sites.Removed[id] = removed
	}
}

// compareLevels plans which levels govern. What governed once belongs to the past:
// it is ended, never removed.
func (p *configPlan) compareLevels(ctx context.Context, h *house, file, id string, want, have []levelEntry) error {
	add, change, gone := compare(p, file, want, have)
	for _, e := range add {
		p.dose.Govern = append(p.dose.Govern, dose.Governing{Site: id, Set: e.Set, Exam: e.Exam, From: e.From, To: e.To, Note: e.Note})
	}
	for _, e := range gone {
		p.cannot(file, e.key(), "what governed is not removed: end it with a last day (to)")
	}
	all, err := h.Dose.Governing(ctx, id)
	if err != nil {
		return err
	}
	for _, e := range change {
		i := slices.IndexFunc(all, func(g dose.Governing) bool { return levelOf(g).key() == e.key() })
		g := all[i]
		if g.Note != e.Note || e.To == "" {
			p.cannot(file, e.key(), "its note stays, and what has ended does not begin again: write another from a later day on")
			continue
		}
		g.To = e.To
		p.dose.End = append(p.dose.End, g)
	}
	return nil
}

// compareNames plans what names mean.
func (p *configPlan) compareNames(ctx context.Context, h *house, file, id string, want, have []nameEntry) error {
	add, change, gone := compare(p, file, want, have)
	for _, e := range append(add, change...) {
		p.dose.Approve = append(p.dose.Approve, e.mapping(id))
	}
	if len(gone) == 0 {
		return nil
	}
	all, err := h.Dose.Mappings(ctx, id)
	if err != nil {
		return err
	}
	for _, e := range gone {
		i := slices.IndexFunc(all, func(m dose.Mapping) bool { return m.RevokedAt == 0 && nameOf(m).key() == e.key() })
		p.dose.Revoke = append(p.dose.Revoke, all[i])
	}
	return nil
}

// compareAccounts plans accounts. Removing one ends it.
func (p *configPlan) compareAccounts(ctx context.Context, h *house, want, have []accountEntry) error {
	const file = "accounts.yaml"
	for i := range want {
		slices.Sort(want[i].Roles)
	}
	add, change, gone := compare(p, file, want, have)
	for _, e := range add {
		u, err := h.Users.ByLogin(ctx, e.Login)
		switch {
		case fault.Of(err) == fault.NotFound:
			u, err = userOf(ctx, h, e, access.User{})
			p.accounts.Add = append(p.accounts.Add, u)
		case err == nil: // it ended, and acts again
			u, err = userOf(ctx, h, e, u)
			p.accounts.Change = append(p.accounts.Change, u)
		}
		if err != nil {
			return fmt.Errorf("%s: %s: %w", file, e.Login, err)
		}
	}
	for _, e := range change {
		u, err := h.Users.ByLogin(ctx, e.Login)
		if err == nil {
			u, err = userOf(ctx, h, e, u)
		}
		if err != nil {
			return fmt.Errorf("%s: %s: %w", file, e.Login, err)
		}
		p.accounts.Change = append(p.accounts.Change, u)
	}
	for _, e := range gone {
		u, err := h.Users.ByLogin(ctx, e.Login)
		if err != nil {
			return err
		}
		p.accounts.End = append(p.accounts.End, u.ID)
	}
	return nil
}

// userOf puts what a file says of an account over what there is.
func userOf(ctx context.Context, h *house, e accountEntry, u access.User) (access.User, error) {
	grants, err := parseGrants(ctx, h, e.Roles)
	u.Login, u.Name, u.Mail, u.Language, u.Grants = e.Login, e.Name, e.Mail, e.Language, grants
	return u, err
}

// print tells a plan to people.
func (p *configPlan) print(w io.Writer) {
	for _, line := range p.lines {
		fmt.Fprintln(w, line)
	}
	for _, line := range p.remarks {
		fmt.Fprintln(w, line)
	}
	for _, line := range p.impossible {
		fmt.Fprintln(w, "! "+line)
	}
	if p.add+p.change+p.gone+len(p.impossible)+len(p.remarks) == 0 {
		fmt.Fprintln(w, "nothing to do: the installation is as the files say")
		return
	}
	fmt.Fprintf(w, "%d to add, %d to change, %d to remove\n", p.add, p.change, p.gone)
}

// do makes the changes: those of each room at once or not at all.
func (p *configPlan) do(ctx context.Context, h *house) error {
	if err := h.Sites.Configure(ctx, access.Local, p.sites); err != nil {
		return fmt.Errorf("sites: %w", err)
	}
	if err := h.Accounts.Configure(ctx, p.accounts); err != nil {
		return fmt.Errorf("accounts: %w", err)
	}
	if err := h.Dose.Decide(ctx, access.Local, p.dose); err != nil {
		return fmt.Errorf("levels and names: %w", err)
	}
	if err := p.endElsewhere(ctx, h); err != nil {
		return fmt.Errorf("webhooks and tokens: %w", err)
	}
	return nil
}
