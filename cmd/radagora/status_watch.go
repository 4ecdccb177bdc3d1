package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/lang"
	"radagora/notice"
)

// warned are the roles that are told how the installation stands.
var warned = []access.Role{access.Administrator}

// lookEach is how often the installation is looked at while it serves.
const lookEach = time.Minute

// watch looks at the installation until ctx ends and tells people what is not good,
// once for each state.
func (o *observer) watch(ctx context.Context, log *slog.Logger) error {
	tick := time.NewTicker(lookEach)
	defer tick.Stop()
	for {
		if o.clock != nil {
			o.clock.look(o.settings.WarnClock)
		}
		if err := o.report(ctx, o.look(ctx)); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "state not told", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// report tells what is not good, and clears what is good again. What could not be
// found out changes nothing.
func (o *observer) report(ctx context.Context, all []condition) error {
	told, err := o.notices.States(ctx)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, keys := range told {
		for _, k := range keys {
			known[k] = true
		}
	}
	return o.db.Write(ctx, func(tx *db.Tx) error {
		for _, c := range all {
			var err error
			switch {
			case c.Key == "" || c.State == stateUnknown:
			case c.State == stateWarn || c.State == stateTrouble:
				err = o.notices.Once(ctx, tx, c.Key, c.Tell)
			case known[c.Key]:
				err = o.notices.Clear(ctx, tx, c.Key)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// certificates looks at those that the settings name.
func (o *observer) certificates(context.Context) ([]condition, error) {
	var all []condition
	for _, file := range []string{o.settings.TLSCert, o.settings.TLSClientCA} {
		if file == "" {
			continue
		}
		certs, err := readCertificates(file)
		if err != nil {
			return all, err
		}
		for i, cert := range certs {
			if i == 0 || cert.IsCA && file == o.settings.TLSClientCA {
				all = append(all, o.certificate(cert))
			}
		}
	}
	return all, nil
}

// readCertificates reads a file of certificates (PEM).
func readCertificates(file string) ([]*x509.Certificate, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fault.Errorf(fault.Unavailable, "certificate: %w", err)
	}
	var all []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return all, fault.Errorf(fault.Invalid, "certificate %s: %w", file, err)
		}
		all = append(all, cert)
	}
	return all, nil
}

// certificate looks at when one ends.
func (o *observer) certificate(cert *x509.Certificate) condition {
	what := cert.Subject.CommonName
	if len(cert.DNSNames) > 0 {
		what = cert.DNSNames[0]
	}
	c := condition{
		Name: msg("status.certificate_of", lang.Args{"what": what}), Value: msg("status.certificate_value", lang.Args{"day": cert.NotAfter}),
		Reference: msg("status.certificate_reference", lang.Args{"n": o.settings.WarnCertificate}), State: stateGood,
		Key:  fmt.Sprintf("certificate %x", cert.SerialNumber),
		Tell: o.tell("status.certificate.ends", "what", hostWord(what), "day", cert.NotAfter.UTC().Format(time.DateOnly)),
	}
	switch left := cert.NotAfter.Sub(o.now()); {
	case left <= 0:
		c.State, c.Tell.Severity = stateTrouble, notice.Urgent
	case left < time.Duration(o.settings.WarnCertificate)*24*time.Hour:
		c.State = stateWarn
	}
	return c
}

// hostWord writes a name as a notice takes it: what is no host name is called so.
func hostWord(name string) string {
	name = strings.ToLower(name)
	if name == "" || strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '.' && r != '-' && r != ':'
	}) || strings.Trim(name, ".-:") != name {
		return "certificate"
	}
	return name
}

// machineName names this machine.
func machineName() string {
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return name
}

// exists reports whether there is a file.
func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
