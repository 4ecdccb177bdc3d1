package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/access/idp"
	"radagora/access/token"
	"radagora/fault"
	"radagora/journal"
	"radagora/outgoing"
)

// elsewhere is what belongs to a configuration and is set in another way: because it
// is nothing without a secret, which never stands in a file of the configuration, or
// because it has a file of its own. It is written to be read and compared; of all this
// a plan can end webhooks and tokens alone.
type elsewhere struct {
	Providers []providerEntry  `yaml:"identity_providers"`
	Mail      []mailEntry      `yaml:"mail"`
	Webhooks  []webhookEntry   `yaml:"webhooks"`
	Followers []followerEntry  `yaml:"followers"`
	Tokens    []tokenEntry     `yaml:"tokens"`
	Retention []retentionEntry `yaml:"retention"`
}

// setElsewhere stands in the place of a secret.
const setElsewhere = "set elsewhere"

type providerEntry struct {
	Name     string   `yaml:"name"`
	Issuer   string   `yaml:"issuer"`
	ClientID string   `yaml:"client_id"`
	Scopes   []string `yaml:"scopes"`
	Create   bool     `yaml:"create,omitempty"`
	Rules    []string `yaml:"rules"`
	Secret   string   `yaml:"client_secret"`
}

type mailEntry struct {
	Host     string `yaml:"host"`
	Port     int    `yaml:"port,omitempty"`
	Security string `yaml:"security"`
	User     string `yaml:"user,omitempty"`
	From     string `yaml:"from"`
	Password string `yaml:"password"`
}

type webhookEntry struct {
	Host    string `yaml:"host"`
	Key     string `yaml:"key"`
	Address string `yaml:"address"`
	Secret  string `yaml:"secret"`

	id string
}

// A followerEntry is a webhook of the feed of changes.
type followerEntry struct {
	Host    string   `yaml:"host"`
	Key     string   `yaml:"key"`
	Groups  []string `yaml:"groups"`
	By      string   `yaml:"within_the_rights_of"` // login, or else the name
	Address string   `yaml:"address"`
	Secret  string   `yaml:"secret"`
}

type tokenEntry struct {
	Account string   `yaml:"account"` // login, or else the name
	Name    string   `yaml:"name"`
	Hint    string   `yaml:"begins"`
	Site    string   `yaml:"site,omitempty"`
	Scopes  []string `yaml:"scopes"`
	Expires string   `yaml:"expires"`
	Secret  string   `yaml:"secret"`

	id string
}

type retentionEntry struct {
	Rule   string `yaml:"rule"`
	Kind   string `yaml:"kind"`
	About  string `yaml:"about"`
	Days   int    `yaml:"days"`
	Floor  bool   `yaml:"floor,omitempty"`
	Source string `yaml:"source"`
}

func (e providerEntry) key() string  { return "identity provider " + e.Name }
func (e mailEntry) key() string      { return "mail " + e.Host }
func (e webhookEntry) key() string   { return "webhook " + e.Host + " " + e.Key }
func (e followerEntry) key() string  { return "follower " + e.Host + " " + e.Key }
func (e tokenEntry) key() string     { return "token " + e.Account + " " + e.Name + " " + e.Hint }
func (e retentionEntry) key() string { return "retention " + e.Rule + " " + e.Kind + " " + e.About }

// Where it is, and what stands at its top.
const (
	elsewhereFile  = "elsewhere.yaml"
	aboutElsewhere = "To be read and compared: what is set elsewhere, without its secrets. Identity providers: the\nfile of --idp. Mail: the settings. Webhooks: /settings/notices. Followers\nof changes: /settings/changes. Tokens: radagora token, or\n/settings/tokens. Retention of the journal: content of the kind journal_retention.\nRemoved from here, webhooks and tokens are ended by config apply --prune."
)

// elsewhereOf returns what an installation has of it.
func (s settings) elsewhereOf(ctx context.Context, h *house) (*elsewhere, error) {
	e := &elsewhere{}
	if s.IDP != "" {
		text, err := os.ReadFile(s.IDP)
		if err != nil {
			return nil, usageError{fault.Errorf(fault.Invalid, "--idp: %w", trimPath(err, s.IDP))}
		}
		all, err := idp.Parse(text)
		if err != nil {
			return nil, usageError{fault.Errorf(fault.Invalid, "--idp %s: %w", s.IDP, err)}
		}
		for _, p := range all {
			e.Providers = append(e.Providers, providerOf(p))
		}
	}
	if m := s.mail(); m.On() {
		e.Mail = append(e.Mail, mailEntry{Host: m.Host, Port: m.Port, Security: m.Security, User: m.User, From: m.From, Password: setElsewhere})
	}
	if err := e.hooksAndTokens(ctx, h); err != nil {
		return nil, err
	}
	rules, err := h.retentionRules()
	if err != nil {
		return nil, err
	}
	for _, r := range rules {
		e.Retention = append(e.Retention, retentionOf(r))
	}
	sorted(e.Providers)
	sorted(e.Webhooks)
	sorted(e.Followers)
	sorted(e.Tokens)
	sorted(e.Retention)
	return e, nil
}

// hooksAndTokens fills in what the database has.
func (e *elsewhere) hooksAndTokens(ctx context.Context, h *house) error {
	hooks, err := h.Notices.Webhooks(ctx)
	if err != nil {
		return err
	}
	for _, w := range hooks {
		e.Webhooks = append(e.Webhooks, webhookEntry{Host: w.Host, Key: w.KeyID, Address: setElsewhere, Secret: setElsewhere, id: w.ID})
	}
	if err := e.followers(ctx, h); err != nil {
		return err
	}
	tokens, err := h.Tokens.List(ctx, "")
	if err != nil {
		return err
	}
	for _, t := range tokens {
		if !t.Ended.IsZero() || !t.Expires.IsZero() && !h.Now().Before(t.Expires) {
			continue
		}
		u, err := h.Users.User(ctx, t.Account)
		if err != nil && fault.Of(err) != fault.NotFound {
			return err
		}
		e.Tokens = append(e.Tokens, tokenEntryOf(t, u))
	}
	return nil
}

// followers fills in who is told of changes. Subscriptions of programs come and go by
// themselves, and are none of a configuration.
func (e *elsewhere) followers(ctx context.Context, h *house) error {
	hooks, err := h.Feed.Hooks(ctx)
	if err != nil {
		return err
	}
	for _, f := range hooks {
		if f.Subject != "" {
			continue
		}
		u, err := h.Users.User(ctx, f.By)
		if err != nil && fault.Of(err) != fault.NotFound {
			return err
		}
		e.Followers = append(e.Followers, followerEntry{
			Host: f.Host, Key: f.KeyID, Groups: f.Groups, By: cmp.Or(u.Login, u.Name, f.By), Address: setElsewhere, Secret: setElsewhere,
		})
	}
	return nil
}

func providerOf(p idp.Config) providerEntry {
	e := providerEntry{Name: p.Name, Issuer: p.Issuer, ClientID: p.ClientID, Scopes: some(p.Scopes), Create: p.Create, Rules: []string{}, Secret: setElsewhere}
	for _, r := range p.Rules {
		e.Rules = append(e.Rules, fmt.Sprintf("%s = %s: %s", r.Claim, r.Value, writeGrants([]access.Grant{{Role: r.Role, Site: r.Site}})))
	}
	return e
}

func tokenEntryOf(t token.Token, u access.User) tokenEntry {
	e := tokenEntry{
		Account: cmp.Or(u.Login, u.Name, t.Account), Name: t.Name, Hint: t.Hint, Site: t.Site, Scopes: slices.Sorted(slices.Values(t.Scopes)),
		Expires: "never", Secret: setElsewhere, id: t.ID,
	}
	if !t.Expires.IsZero() {
		e.Expires = t.Expires.UTC().Format(time.RFC3339)
	}
	return e
}

func retentionOf(r journal.Rule) retentionEntry {
	e := retentionEntry{Rule: r.ID, Kind: r.Kind, About: "any", Days: r.Days, Floor: r.Floor, Source: r.Source}
	if r.Personal {
		e.About = "person"
	}
	return e
}

// written returns e as it is written: lists that are empty are [].
func (e elsewhere) written() elsewhere {
	return elsewhere{some(e.Providers), some(e.Mail), some(e.Webhooks), some(e.Followers), some(e.Tokens), some(e.Retention)}
}

// load reads the file.
func (e *elsewhere) load(file string) error {
	if err := decodeFile(file, e); err != nil {
		return err
	}
	for _, err := range []error{once(file, e.Providers), once(file, e.Mail), once(file, e.Webhooks), once(file, e.Followers), once(file, e.Tokens), once(file, e.Retention)} {
		if err != nil {
			return err
		}
	}
	return e.noSecrets(file)
}

// noSecrets refuses a file into which somebody wrote a secret: it would be spread.
func (e *elsewhere) noSecrets(file string) error {
	secrets := map[string]string{}
	for _, p := range e.Providers {
		secrets[p.key()] = p.Secret
	}
	for _, m := range e.Mail {
		secrets[m.key()] = m.Password
	}
	for _, w := range e.Webhooks {
		secrets[w.key()], secrets[w.key()+" "] = w.Secret, w.Address
	}
	for _, f := range e.Followers {
		secrets[f.key()], secrets[f.key()+" "] = f.Secret, f.Address
	}
	for _, t := range e.Tokens {
		secrets[t.key()] = t.Secret
	}
	for key, text := range secrets {
		if text != setElsewhere && text != "" {
			return fmt.Errorf("%s: %s: a secret has no place here: write %q", file, strings.TrimSpace(key), setElsewhere)
		}
	}
	return nil
}

// compareElsewhere notes what differs. What would have to be made or changed is only
// told; webhooks and tokens that the file does not have can be ended.
func (p *configPlan) compareElsewhere(want, have *elsewhere) {
	remark(p, want.Providers, have.Providers, "the file of --idp")
	remark(p, want.Mail, have.Mail, "the settings --mail-…")
	remark(p, want.Followers, have.Followers, "/settings/changes")
	remark(p, want.Retention, have.Retention, "content of the kind journal_retention")
	for _, w := range remark(p, want.Webhooks, have.Webhooks, "/settings/notices") {
		p.gone++
		p.note("-", elsewhereFile, w.key(), "")
		p.hooks = append(p.hooks, w.id)
	}
	for _, t := range remark(p, want.Tokens, have.Tokens, "radagora token add") {
		p.gone++
		p.note("-", elsewhereFile, t.key(), "")
		p.tokens = append(p.tokens, t.id)
	}
}

// remark tells what a file has otherwise than the installation, and returns what it
// does not have.
func remark[T interface{ key() string }](p *configPlan, want, have []T, where string) []T {
	var with configPlan
	_, _, gone := compare(&with, elsewhereFile, want, have)
	for _, line := range with.lines {
		if strings.HasPrefix(line, "- ") && slices.ContainsFunc(gone, func(e T) bool { return endable(e) }) {
			continue // it can be ended
		}
		p.remarks = append(p.remarks, "= "+line[2:]+": "+setElsewhere+", "+where)
	}
	return gone
}

// endable reports whether a plan can end such a thing.
func endable(e any) bool {
	switch e.(type) {
	case webhookEntry, tokenEntry:
		return true
	}
	return false
}

// endElsewhere ends the webhooks and tokens of a plan.
func (p *configPlan) endElsewhere(ctx context.Context, h *house) error {
	for _, id := range p.hooks {
		if err := h.Notices.RemoveWebhook(ctx, access.From(ctx).ID, id); err != nil {
			return err
		}
	}
	for _, id := range p.tokens {
		if err := h.Tokens.Revoke(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// rest opens the rooms in which it is kept.
func (s settings) rest(ctx context.Context, h *house) error {
	var err error
	if h.Out, err = outgoing.New(s.outgoing(h.Log)); err != nil {
		return err
	}
	h.Facts = &access.Facts{DB: h.DB, Journal: h.Journal, Now: h.Now}
	key, err := keyFile(filepath.Join(s.Data, "journal.key"))
	if err != nil {
		return err
	}
	if h.Tokens, err = token.Open(ctx, token.Options{DB: h.DB, Users: h.Users, Journal: h.Journal, HTTP: h.Out.HTTP(), Now: h.Now, Log: h.Log, Audience: s.audience()}); err != nil {
		return err
	}
	return h.tell(ctx, s, key)
}
