// Command issuer is an identity provider for tests: a real one, with people made up.
//
// It is the OpenID Provider of github.com/zitadel/oidc with its login form, on a
// loopback port of its own. It is a module of its own, so that what it needs does
// not become a dependency of the program. Its first line of output is its address.
//
//	issuer -client ID -secret SECRET -return URL -out URL
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// groups are what the provider says of its people under the claim "groups".
var groups = map[string][]string{
	"id1": {"radiology", "medical-physics"},
	"id2": {"kitchen"},
}

// A shop is the provider's store, which says also in which groups somebody is.
type shop struct {
	*storage.Storage
	out []string
}

// SetUserinfoFromToken answers the user info endpoint.
func (s shop) SetUserinfoFromToken(ctx context.Context, info *oidc.UserInfo, tokenID, subject, origin string) error {
	if err := s.Storage.SetUserinfoFromToken(ctx, info, tokenID, subject, origin); err != nil {
		return err
	}
	info.AppendClaims("groups", groups[subject])
	return nil
}

// GetClientByClientID returns a client that may be returned to after signing out.
func (s shop) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	c, err := s.Storage.GetClientByClientID(ctx, id)
	if err != nil {
		return nil, err
	}
	return client{c, s.out}, nil
}

type client struct {
	op.Client
	out []string
}

// PostLogoutRedirectURIs returns where the browser may go after signing out.
func (c client) PostLogoutRedirectURIs() []string { return c.out }

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "issuer:", err)
		os.Exit(1)
	}
}

func run() error {
	id := flag.String("client", "radagora", "client id")
	secret := flag.String("secret", "secret", "client secret")
	back := flag.String("return", "http://127.0.0.1:8080/sign-in/idp/hospital/return", "redirect URI")
	out := flag.String("out", "http://127.0.0.1:8080/", "address after signing out")
	flag.Parse()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	issuer := "http://" + l.Addr().String() + "/"
	storage.RegisterClients(storage.WebClient(*id, *secret, *back))
	store := shop{storage.NewStorage(storage.NewUserStore(issuer)), []string{*out}}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	server := &http.Server{
		Handler: exampleop.SetupServer(issuer, store, log, false), ReadHeaderTimeout: 10 * time.Second,
	}
	fmt.Println(issuer)
	return server.Serve(l)
}
