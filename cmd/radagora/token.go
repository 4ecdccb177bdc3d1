package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"radagora/access"
	"radagora/access/token"
	"radagora/fault"
)

type tokenCmd struct {
	Add    tokenAddCmd    `cmd:"" help:"Make an API token; it is printed once."`
	List   tokenListCmd   `cmd:"" help:"List API tokens."`
	Revoke tokenRevokeCmd `cmd:"" help:"Revoke an API token."`
}

type clientCmd struct {
	Add    clientAddCmd    `cmd:"" help:"Register a machine that signs its requests (SMART Backend Services)."`
	List   clientListCmd   `cmd:"" help:"List registered machines."`
	Remove clientRemoveCmd `cmd:"" help:"Let a registered machine act no more."`
	App    clientAppCmd    `cmd:"" name:"add-app" help:"Register an app that acts for people who let it."`
	Rotate clientRotateCmd `cmd:"" help:"Give an app another secret; it is printed once."`
	Block  clientBlockCmd  `cmd:"" help:"Keep an app out for now, or let it in again."`
	Renew  clientRenewCmd  `cmd:"" name:"renew-key" help:"Sign ID tokens with a new key from now on."`
}

// onBehalf opens the house and does something in the name of the local user.
func (s settings) onBehalf(ctx context.Context, sys *system, do func(ctx context.Context, h *house) error) (err error) {
	s.shared = true
	h, err := s.open(ctx, sys)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	who, err := h.Users.Who(ctx, access.Local)
	if err != nil {
		return err
	}
	who.Door = "command"
	judge := *h.Judge
	judge.Open = true // whoever can start the program can do everything anyway
	return do(access.WithJudge(access.With(ctx, who), &judge), h)
}

type tokenAddCmd struct {
	settings
	Account string   `required:"" placeholder:"LOGIN" help:"Whose it will be: login or id of an account."`
	Name    string   `required:"" help:"What it is for."`
	Scope   []string `required:"" placeholder:"ACT" help:"What it may: an act such as dose.aggregate.read, or dose.* for all of a room; can be repeated."`
	Days    int      `default:"90" help:"How many days it serves."`
	Site    string   `placeholder:"ID" help:"The one site it serves at; without it, every site of its account."`
	JSON    bool     `help:"Print JSON."`
}

func (tokenAddCmd) Help() string {
	return `Makes a token that a program sends as "Authorization: Bearer rad_…". It may never do more than its account may,
and only what --scope names. It is printed once and kept only as a hash: put it where the program reads its secrets.
Works while "radagora serve" runs, too.

Example:

    radagora token add --account physics --name "nightly export" --scope 'dose.*' --scope export.table.write --days 180`
}

// Run makes a token.
func (c tokenAddCmd) Run(ctx context.Context, sys *system) error {
	for _, s := range c.Scope {
		if !token.ValidScope(s) {
			return wrong("--scope %s: there is no such act; see docs/access.md", s)
		}
	}
	return c.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		id, err := h.accountID(ctx, c.Account)
		if err != nil {
			return err
		}
		secret, t, err := h.Tokens.Add(ctx, token.Wish{
			Account: id, Site: c.Site, Name: c.Name, Scopes: c.Scope, Lasts: time.Duration(c.Days) * 24 * time.Hour,
		})
		if err != nil {
			return err
		}
		if c.JSON {
			return writeJSON(sys.Out, map[string]any{"id": t.ID, "token": secret, "expires": t.Expires.UTC().Format(time.RFC3339)})
		}
		_, err = fmt.Fprintf(sys.Out, "%s\nserves until %s; id %s\n", secret, t.Expires.UTC().Format(time.DateOnly), t.ID)
		return err
	})
}

// accountID finds an account by login or id.
func (h *house) accountID(ctx context.Context, name string) (string, error) {
	u, err := h.Users.ByLogin(ctx, name)
	if err != nil && fault.Of(err) == fault.NotFound {
		u, err = h.Users.User(ctx, name)
	}
	if err != nil && fault.Of(err) == fault.NotFound {
		return "", fault.Errorf(fault.NotFound, "no account with login or id %s", name)
	}
	return u.ID, err
}

type tokenListCmd struct {
	settings
	JSON bool `help:"Print JSON."`
}

func (tokenListCmd) Help() string {
	return `Lists the tokens of all accounts, those that ended too. The tokens themselves are kept nowhere.

Example:

    radagora token list`
}

// Run lists tokens.
func (c tokenListCmd) Run(ctx context.Context, sys *system) error {
	return c.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		all, err := h.Tokens.List(ctx, "")
		if err != nil {
			return err
		}
		ended, err := h.endedAccounts(ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			return writeJSON(sys.Out, all)
		}
		w := tabwriter.NewWriter(sys.Out, 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tTOKEN\tACCOUNT\tNAME\tSTATE\tEXPIRES\tLAST USE\tMAY")
		for _, t := range all {
			fmt.Fprintf(w, "%s\t%s…\t%s\t%s\t%s\t%s\t%s\t%s\n", t.ID, t.Hint, t.Account, t.Name, tokenState(t, ended, h.Now()),
				dayOf(t.Expires), dayOf(t.Used), strings.Join(t.Scopes, " "))
		}
		return w.Flush()
	})
}

// endedAccounts are the accounts that act no more, and their tokens with them.
func (h *house) endedAccounts(ctx context.Context) (map[string]bool, error) {
	users, err := h.Users.Accounts(ctx)
	ended := map[string]bool{}
	for _, u := range users {
		if !u.Ended.IsZero() {
			ended[u.ID] = true
		}
	}
	return ended, err
}

// tokenState says in a word how a token is, where some accounts act no more.
func tokenState(t token.Token, ended map[string]bool, now time.Time) string {
	switch {
	case ended[t.Account]:
		return "account_ended"
	case !t.Ended.IsZero():
		return "revoked"
	case !t.Valid(now):
		return "expired"
	}
	return "valid"
}

// dayOf writes a day, a dash for none.
func dayOf(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.DateOnly)
}

type tokenRevokeCmd struct {
	settings
	ID string `arg:"" name:"id" help:"Id of the token, as list shows it."`
}

func (tokenRevokeCmd) Help() string {
	return `Revokes a token. Servers that run notice within seconds.

Example:

    radagora token revoke 0193c3a0-5f3e-7c1a-9b7e-1f2a3b4c5d6e`
}

// Run revokes a token.
func (c tokenRevokeCmd) Run(ctx context.Context, sys *system) error {
	return c.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		if err := h.Tokens.Revoke(ctx, c.ID); err != nil {
			return err
		}
		_, err := fmt.Fprintf(sys.Out, "%s revoked\n", c.ID)
		return err
	})
}

type clientAddCmd struct {
	settings
	Name    string   `required:"" help:"What the machine is called."`
	Scope   []string `required:"" placeholder:"SCOPE" help:"SMART scope it may ask for, such as system/ImagingStudy.rs; can be repeated."`
	Role    []string `placeholder:"ROLE" help:"Role of its account beside that of a machine, such as physicist; can be repeated."`
	Site    string   `default:"default" placeholder:"ID" help:"Site it acts at."`
	JWKS    string   `name:"jwks" placeholder:"FILE" help:"Its public keys (JSON Web Key Set)."`
	JWKSURL string   `name:"jwks-url" placeholder:"URL" help:"Where its public keys are, instead of --jwks."`
	JSON    bool     `help:"Print JSON."`
}

func (clientAddCmd) Help() string {
	return `Registers a machine that proves who it is by signing (RS384 or ES384) and receives an access token for five
minutes from /oauth/token. What it may is what its scopes name and its account's roles allow. There is no shared
secret: keep the private key where the machine is.

Example:

    radagora client add --name registry --scope system/Observation.rs --role physicist --jwks registry.jwks.json`
}

// Run registers a client.
func (c clientAddCmd) Run(ctx context.Context, sys *system) error {
	e := token.Enrolment{Name: c.Name, Site: c.Site, Scopes: strings.Join(c.Scope, " "), KeysAt: c.JWKSURL}
	for _, r := range c.Role {
		e.Roles = append(e.Roles, access.Role(r))
	}
	if c.JWKS != "" {
		text, err := os.ReadFile(c.JWKS)
		if err != nil {
			return fmt.Errorf("--jwks: %w", trimPath(err, c.JWKS))
		}
		e.Keys = string(text)
	}
	return c.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		made, err := h.Tokens.AddClient(ctx, e)
		if err != nil {
			return err
		}
		if c.JSON {
			return writeJSON(sys.Out, map[string]any{"client_id": made.ID, "token_endpoint": c.base() + oauthToken, "scope": strings.Join(made.Scopes, " ")})
		}
		_, err = fmt.Fprintf(sys.Out, "client_id %s\ntoken endpoint %s\n", made.ID, c.base()+oauthToken)
		return err
	})
}

type clientAppCmd struct {
	settings
	Name     string   `required:"" help:"What the app is called, as people see it."`
	Scope    []string `required:"" placeholder:"SCOPE" help:"SMART scope it may ask for, such as launch/patient, patient/ImagingStudy.rs or user/ImagingStudy.rs; can be repeated."`
	Redirect []string `required:"" placeholder:"URL" help:"Address it returns to, exactly as it gives it; can be repeated."`
	Site     string   `default:"default" placeholder:"ID" help:"Site it acts at."`
	JWKS     string   `name:"jwks" placeholder:"FILE" help:"Its public keys (JSON Web Key Set), if it can keep a private one."`
	JWKSURL  string   `name:"jwks-url" placeholder:"URL" help:"Where its public keys are, instead of --jwks."`
	Secret   bool     `help:"Make a secret for it, which is printed once. Keys are better, if it can sign."`
	Launch   string   `placeholder:"URL" help:"Address at which it is opened from the page of a study; then --scope launch, too."`
	JSON     bool     `help:"Print JSON."`
}

func (clientAppCmd) Help() string {
	return `Registers an app that people let act for them (SMART App Launch): it sends their browser to /oauth/authorize, they
see what it asks for and choose the patient, and it receives an access token for an hour from /oauth/token, with PKCE
(S256). It may never do more than who let it. Without keys or a secret it is a public client. With openid it learns
who they are; with offline_access or online_access it receives refresh tokens, each of which serves once.

Example:

    radagora client add-app --name Viewer --scope launch/patient --scope patient/ImagingStudy.rs \
        --redirect https://viewer.hospital.example/callback`
}

// Run registers an app.
func (c clientAppCmd) Run(ctx context.Context, sys *system) error {
	p := token.Program{Name: c.Name, Site: c.Site, Returns: c.Redirect, Scopes: strings.Join(c.Scope, " "), KeysAt: c.JWKSURL, Secret: c.Secret, Opens: c.Launch}
	if c.JWKS != "" {
		text, err := os.ReadFile(c.JWKS)
		if err != nil {
			return fmt.Errorf("--jwks: %w", trimPath(err, c.JWKS))
		}
		p.Keys = string(text)
	}
	return c.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		made, secret, err := h.Tokens.AddApp(ctx, p)
		if err != nil {
			return err
		}
		if c.JSON {
			answer := map[string]any{
				"client_id": made.ID, "authorization_endpoint": c.base() + oauthAuthorize, "token_endpoint": c.base() + oauthToken,
				"scope": strings.Join(made.Scopes, " "), "public": made.Public(),
			}
			if secret != "" {
				answer["client_secret"] = secret
			}
			return writeJSON(sys.Out, answer)
		}
		_, err = fmt.Fprintf(sys.Out, "client_id %s\nauthorization endpoint %s\ntoken endpoint %s\n", made.ID, c.base()+oauthAuthorize, c.base()+oauthToken)
		if err == nil && secret != "" {
			_, err = fmt.Fprintf(sys.Out, "client_secret %s\n", secret)
		}
		return err
	})
}

type clientListCmd struct {
	settings
	JSON bool `help:"Print JSON."`
}

func (clientListCmd) Help() string {
	return `Lists registered machines and apps, those that were removed too.

Example:

    radagora client list`
}

// Run lists clients.
func (c clientListCmd) Run(ctx context.Context, sys *system) error {
	return c.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		all, err := h.Tokens.Clients(ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			return writeJSON(sys.Out, all)
		}
		w := tabwriter.NewWriter(sys.Out, 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "CLIENT ID\tNAME\tSTATE\tLAST USE\tKEYS\tSCOPES")
		row := func(id, name, keys string, used, blocked, ended time.Time, scopes []string) {
			state := "valid"
			switch {
			case !ended.IsZero():
				state = "removed"
			case !blocked.IsZero():
				state = "blocked"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", id, name, state, dayOf(used), keys, strings.Join(scopes, " "))
		}
		for _, one := range all {
			row(one.ID, one.Name, cmp.Or(one.KeysAt, "given"), one.Used, time.Time{}, one.Ended, one.Scopes)
		}
		apps, err := h.Tokens.Apps(ctx)
		if err != nil {
			return err
		}
		for _, one := range apps {
			keys := cmp.Or(one.KeysAt, "given")
			switch {
			case one.Secret:
				keys = "secret"
			case one.Public():
				keys = "none"
			}
			row(one.ID, one.Name, keys, one.Used, one.Blocked, one.Ended, one.Scopes)
		}
		return w.Flush()
	})
}

type clientRemoveCmd struct {
	settings
	ID string `arg:"" name:"client-id" help:"Id of the client, as list shows it."`
}

func (clientRemoveCmd) Help() string {
	return `Lets a machine or an app act no more: the account of a machine ends, and so do all access tokens.

Example:

    radagora client remove 0193c3a0-5f3e-7c1a-9b7e-1f2a3b4c5d6e`
}

// Run removes a client.
func (c clientRemoveCmd) Run(ctx context.Context, sys *system) error {
	return c.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		err := h.Tokens.EndClient(ctx, c.ID)
		if err != nil && fault.Of(err) == fault.NotFound {
			err = h.Tokens.EndApp(ctx, c.ID)
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(sys.Out, "%s removed\n", c.ID)
		return err
	})
}

type clientRotateCmd struct {
	settings
	ID string `arg:"" name:"client-id" help:"Id of the app, as list shows it."`
}

func (clientRotateCmd) Help() string {
	return `Makes another secret for an app that has one and prints it this once. The old one serves no more.

Example:

    radagora client rotate 0193c3a0-5f3e-7c1a-9b7e-1f2a3b4c5d6e`
}

// Run rotates a secret.
func (c clientRotateCmd) Run(ctx context.Context, sys *system) error {
	return c.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		secret, err := h.Tokens.Rotate(ctx, c.ID)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(sys.Out, "client_secret %s\n", secret)
		return err
	})
}

type clientBlockCmd struct {
	settings
	ID    string `arg:"" name:"client-id" help:"Id of the app, as list shows it."`
	Again bool   `help:"Let it in again."`
}

func (clientBlockCmd) Help() string {
	return `Keeps an app out for now: nobody can let it act, and what it carries opens nothing. With --again all of that serves
again as far as it is not over.

Example:

    radagora client block 0193c3a0-5f3e-7c1a-9b7e-1f2a3b4c5d6e`
}

// Run blocks an app, or lets it in again.
func (c clientBlockCmd) Run(ctx context.Context, sys *system) error {
	return c.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		if err := h.Tokens.Block(ctx, c.ID, !c.Again); err != nil {
			return err
		}
		state := "blocked"
		if c.Again {
			state = "let in again"
		}
		_, err := fmt.Fprintf(sys.Out, "%s %s\n", c.ID, state)
		return err
	})
}

type clientRenewCmd struct{ settings }

func (clientRenewCmd) Help() string {
	return `Makes a new key and signs ID tokens of apps with it from now on. The old one is still published for a day. Do this
when somebody may have read the data folder or the database, and else when your rules say so.

Example:

    radagora client renew-key`
}

// Run renews the key.
func (c clientRenewCmd) Run(ctx context.Context, sys *system) error {
	return c.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		if err := h.Tokens.Renew(ctx); err != nil {
			return err
		}
		_, err := fmt.Fprintln(sys.Out, "ID tokens are signed with a new key")
		return err
	})
}
