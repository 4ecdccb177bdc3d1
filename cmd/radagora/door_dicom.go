package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"radagora/access"
	"radagora/access/account"
	"radagora/dicom/dimse"
	"radagora/fault"
	"radagora/site"
)

// peerAccount begins the id of a DICOM application as somebody who asks.
const peerAccount = "ae:"

// ourselves is the account of this program when it sends to its own door, as the
// demonstration does.
const ourselves = "system:demo"

// A doorman decides who may open an association, and who they are from then on.
type doorman struct {
	*house
	open  bool // from this machine everybody may (--no-auth, and the demonstration)
	pass  []byte
	proof *account.Register // of accounts with a password; nil: there are none

	hosts lookups
}

// newDoorman returns the doorman of a house.
func newDoorman(h *house, open bool, proof *account.Register) *doorman {
	d := &doorman{house: h, open: open, pass: h.pass[:], proof: proof}
	d.hosts = lookups{now: h.Now, known: map[string]found{}}
	return d
}

// accept implements dimse.Server.Accept: who may come in, and call what is called.
func (d *doorman) accept(ctx context.Context, p *dimse.Peer) error {
	if err := d.known(ctx, p); err != nil {
		return err
	}
	return d.mayCall(ctx, p)
}

// known decides whether a peer may come in. Who asks for Verification alone gets an
// answer, so that an installer can try the line before anybody has decided.
func (d *doorman) known(ctx context.Context, p *dimse.Peer) error {
	from, err := netip.ParseAddrPort(p.Address)
	if err != nil {
		return dimse.ErrCongestion
	}
	local := from.Addr().Unmap().IsLoopback()
	if i := p.Identity; i != nil {
		switch {
		case i.Type == dimse.JWT && subtle.ConstantTimeCompare(i.Primary, d.pass) == 1:
			p.Account = ourselves
			return nil
		case i.Type == dimse.UserPasscode:
			return d.passcode(ctx, p, from.Addr())
		}
	}
	if local && d.open {
		p.Account = peerAccount + p.CallingAE
		return nil
	}
	caller := site.Caller{
		AETitle: p.CallingAE, Called: p.CalledAE, Address: from.Addr(), TLS: p.TLS != nil,
		Class: strings.TrimSpace(p.Class + " " + p.Version),
	}
	if p.TLS != nil && len(p.TLS.PeerCertificates) > 0 {
		sum := sha256.Sum256(p.TLS.PeerCertificates[0].Raw)
		caller.Certificate = hex.EncodeToString(sum[:])
	}
	for _, c := range p.Proposed {
		caller.Offered = append(caller.Offered, c.SOPClass.String())
	}
	peer, err := d.Sites.Admit(ctx, caller, d.hosts.lookup)
	switch {
	case err == nil:
		p.Account = peerAccount + peer.AETitle
		return nil
	case fault.Of(err) != fault.Forbidden:
		return err
	case p.Verifying() && !strings.Contains(err.Error(), "("+site.IsBlocked+")"):
		return nil // nobody in particular: Verification is all it asked for
	}
	return dimse.ErrCalling
}

// passcode lets an account in that proves itself with its password (PS3.7
// D.3.3.7.1). What is secret goes over TLS or stays on this machine.
func (d *doorman) passcode(ctx context.Context, p *dimse.Peer, from netip.Addr) error {
	if d.proof == nil || p.TLS == nil && !from.Unmap().IsLoopback() {
		return dimse.ErrCalling
	}
	ctx = account.At(ctx, account.Place{Address: from.Unmap()})
	who, err := d.proof.Passcode(ctx, string(p.Identity.Primary), string(p.Identity.Secondary))
	if err != nil {
		return dimse.ErrCalling
	}
	ctx = access.WithJudge(access.With(ctx, who), d.Judge)
	for _, act := range services {
		if access.Can(ctx, act, access.Subject{Site: site.Default}) {
			p.Account = who.ID
			return nil
		}
	}
	return dimse.ErrCalling
}

// services are what DICOM applications may do here, by service.
var services = map[string]access.Act{
	"C-ECHO": access.PeerEcho, "C-STORE": access.ObjectStore,
	"C-FIND": access.StudyFind, "C-MOVE": access.ObjectSend, "C-GET": access.ObjectRead,
	"N-ACTION storage commitment": access.ObjectStore,
	"C-FIND worklist":             access.StepFind, "N-CREATE, N-SET performed step": access.PerformedWrite,
}

// peerWho returns the account of an association as somebody who asks.
func (h *house) peerWho(ctx context.Context, p dimse.Peer) (access.Who, error) {
	switch {
	case p.Account == ourselves || strings.HasPrefix(p.Account, peerAccount):
		return access.Who{ID: p.Account, Name: p.CallingAE, Grants: access.Everywhere(access.Peer), Door: "dimse"}, nil
	case p.Account == "":
		return access.Who{}, nil
	}
	who, err := h.Users.Who(ctx, p.Account)
	who.Door = "dimse"
	return who, err
}

// mayQuery implements access.Facts.Peers.
func (h *house) mayQuery(ctx context.Context, id, siteID string) bool {
	title, ok := strings.CutPrefix(id, peerAccount)
	if !ok {
		return id == ourselves
	}
	p, err := h.Sites.Peer(ctx, siteID, title)
	if err != nil {
		return h.anyLocal && fault.Of(err) == fault.NotFound // only who calls from this machine got here (doorman)
	}
	return p.MayQuery()
}

// newPass returns a secret that this process alone knows: it recognises itself by it.
func newPass() (pass [32]byte) {
	_, _ = rand.Read(pass[:]) // it never fails
	return pass
}

// lookups remembers the addresses of host names for a while.
type lookups struct {
	now   func() time.Time
	mu    sync.Mutex
	known map[string]found
}

// found are the addresses of a host name.
type found struct {
	addresses []netip.Addr
	until     time.Time
}

// How long an answer holds, and how long it may take.
const (
	lookupHolds = time.Minute
	lookupTakes = 3 * time.Second
)

// lookup returns the addresses of a host name, none if there are none.
func (l *lookups) lookup(host string) []netip.Addr {
	l.mu.Lock()
	f, ok := l.known[host]
	l.mu.Unlock()
	if now := l.now(); ok && now.Before(f.until) && f.until.Sub(now) <= lookupHolds {
		return f.addresses
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookupTakes)
	defer cancel()
	all, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		all = nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.known) > 1000 {
		clear(l.known)
	}
	l.known[host] = found{all, l.now().Add(lookupHolds)}
	return all
}
