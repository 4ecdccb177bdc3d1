package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"radagora/access"
	"radagora/archive"
	"radagora/archive/exchange"
	"radagora/dicom/uid"
)

// An orthanc is Debian's Orthanc as a process of its own, without plug-ins: another
// archive that calls us and is called.
type orthanc struct {
	*testing.T
	http, dicom string // addresses
	us          string // our port, as it calls us
}

// startOrthanc starts one that knows us at a port of this machine; with an authority
// both sides speak TLS.
func startOrthanc(t *testing.T, us string, a *authority) *orthanc {
	t.Helper()
	program, err := exec.LookPath("Orthanc")
	if err != nil {
		t.Skip("Orthanc not found: it is tried where Debian's orthanc is installed")
	}
	o := &orthanc{T: t, http: "127.0.0.1:" + freePort(t), dicom: "127.0.0.1:" + freePort(t), us: us}
	folder := t.TempDir()
	port := func(address string) json.RawMessage {
		_, p, err := net.SplitHostPort(address)
		check(t, err)
		return json.RawMessage(p)
	}
	config := map[string]any{
		"Name": "test", "StorageDirectory": folder, "IndexDirectory": folder, "Plugins": []string{}, "StorageAccessOnFind": "Always",
		"RemoteAccessAllowed": false, "AuthenticationEnabled": false, "HttpPort": port(o.http), "HttpServerEnabled": true,
		"DicomAet": "ORTHANC", "DicomPort": port(o.dicom), "DicomServerEnabled": true, "DicomCheckCalledAet": true, "DicomAlwaysAllowEcho": true,
		"DicomModalities": map[string]any{"us": map[string]any{
			"AET": "RADAGORA", "Host": "127.0.0.1", "Port": json.RawMessage(us), "UseDicomTls": a != nil,
			"AllowEcho": true, "AllowFind": true, "AllowMove": true, "AllowGet": true, "AllowStore": true, "AllowStorageCommitment": true, "AllowTranscoding": true,
		}},
	}
	if a != nil {
		cert, key, _ := a.issue("orthanc")
		config["DicomTlsEnabled"], config["DicomTlsCertificate"], config["DicomTlsPrivateKey"] = true, cert, key
		config["DicomTlsTrustedCertificates"], config["DicomTlsRemoteCertificateRequired"] = filepath.Join(a.folder, "ca.pem"), true
	}
	text, err := json.Marshal(config)
	check(t, err)
	name := filepath.Join(t.TempDir(), "orthanc.json")
	check(t, os.WriteFile(name, text, 0o600))
	var said bytes.Buffer
	cmd := exec.Command(program, name)
	cmd.Stdout, cmd.Stderr = &said, &said
	check(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("Orthanc said:\n%s", last(said.Bytes(), 4000))
		}
	})
	reachable(t, o.http)
	reachable(t, o.dicom)
	return o
}

// last returns the last n bytes.
func last(b []byte, n int) []byte { return b[max(0, len(b)-n):] }

// rest calls the REST interface and decodes the answer into v.
func (o *orthanc) rest(method, path string, body, v any) {
	o.Helper()
	var r io.Reader
	switch b := body.(type) {
	case nil:
	case []byte:
		r = bytes.NewReader(b)
	default:
		text, err := json.Marshal(b)
		check(o.T, err)
		r = bytes.NewReader(text)
	}
	q, err := http.NewRequestWithContext(o.Context(), method, "http://"+o.http+path, r)
	check(o.T, err)
	answer, err := http.DefaultClient.Do(q)
	check(o.T, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	check(o.T, err)
	if answer.StatusCode != http.StatusOK {
		o.Fatalf("Orthanc: %s %s: %s\n%s", method, path, answer.Status, text)
	}
	if v != nil {
		check(o.T, json.Unmarshal(text, v))
	}
}

// put gives it a file, and returns the id of the study.
func (o *orthanc) put(name string) string {
	o.Helper()
	b, err := os.ReadFile(name)
	check(o.T, err)
	var stored struct{ ParentStudy string }
	o.rest(http.MethodPost, "/instances", b, &stored)
	return stored.ParentStudy
}

// has returns how many instances of a study it has.
func (o *orthanc) has(study string) int {
	o.Helper()
	var all []struct {
		Instances []string
	}
	o.rest(http.MethodPost, "/tools/find", map[string]any{"Level": "Series", "Query": map[string]string{"StudyInstanceUID": study}, "Expand": true}, &all)
	n := 0
	for _, s := range all {
		n += len(s.Instances)
	}
	return n
}

// TestOrthanc has Debian's Orthanc send to us, take what we forward, commit it, ask and
// fetch from us; and we try, ask, fetch by both ways and migrate from it. All of it once
// more over TLS with certificates on both sides.
func TestOrthanc(t *testing.T) {
	slow(t)
	t.Parallel()
	if _, err := os.Stat(ctSample); err != nil {
		t.Skip("no image to send: python3-pydicom is not installed")
	}
	for name, a := range map[string]*authority{"plain": nil, "TLS": newAuthority(t)} {
		t.Run(name, func(t *testing.T) { besideOrthanc(t, a) })
	}
}

func besideOrthanc(t *testing.T, a *authority) {
	b := openLibrarySecure(t, a)
	_, port, err := net.SplitHostPort(b.addr)
	check(t, err)
	o := startOrthanc(t, port, a)
	p := peerAt(t, "ORTHANC", o.dicom)
	p.TLS = a != nil
	check(t, b.h.Sites.SetPeer(t.Context(), access.Local, p))
	l := line{b.h, b.settings}
	ctx := asLocal(t, b.h)

	t.Run("it sends to us", func(t *testing.T) {
		id := o.put(twin(t, ctSample, "1.2.3", "1.2.3.1", "1.2.3.1.1", "20261121"))
		o.put(twin(t, ctSample, "1.2.3", "1.2.3.1", "1.2.3.1.2", "20261121"))
		o.rest(http.MethodPost, "/modalities/us/echo", map[string]any{}, nil)
		o.rest(http.MethodPost, "/modalities/us/store", id, nil)
		s, err := b.h.Archive.Study(ctx, at, uid.Must("1.2.3"))
		check(t, err)
		if s.InstanceCount != 2 {
			t.Errorf("%d instances came; want 2", s.InstanceCount)
		}
	})
	t.Run("what we find trying it", func(t *testing.T) {
		tried, err := l.try(ctx, at, "ORTHANC")
		check(t, err)
		for _, want := range []string{"ct", "mr", "dose", "find", "move", "commitment"} {
			if tried.Word != triedAnswered || !slices.Contains(tried.Takes, want) {
				t.Errorf("tried: %+v; want %s among what it takes", tried, want)
			}
		}
	})
	t.Run("we forward to it, and it commits", func(t *testing.T) {
		b.keep(ctx, twin(t, ctSample, "1.2.4", "1.2.4.1", "1.2.4.1.1", "20261120"))
		check(t, b.h.Exchange.Send(ctx, access.Local, at, "ORTHANC", "1.2.4", "", exchange.All, false))
		eventually(t, "the commitment", func() bool {
			list, err := b.h.Exchange.Transfers(ctx, at, "1.2.4", nil, 10)
			check(t, err)
			return len(list) == 1 && list[0].State == exchange.Done && list[0].Commitment == exchange.CommitDone
		})
		if n := o.has("1.2.4"); n != 1 {
			t.Errorf("it has %d instances; want 1", n)
		}
	})
	t.Run("it asks us and has us send", func(t *testing.T) {
		b.keep(ctx, twin(t, ctSample, "1.2.5", "1.2.5.1", "1.2.5.1.1", "20261119"))
		var query struct{ ID string }
		o.rest(http.MethodPost, "/modalities/us/query", map[string]any{"Level": "Study", "Query": map[string]string{"StudyInstanceUID": "1.2.5"}}, &query)
		var answers []string
		o.rest(http.MethodGet, "/queries/"+query.ID+"/answers", nil, &answers)
		if len(answers) != 1 {
			t.Fatalf("it found %d studies; want 1", len(answers))
		}
		o.rest(http.MethodPost, "/queries/"+query.ID+"/answers/0/retrieve", []byte("ORTHANC"), nil)
		if n := o.has("1.2.5"); n != 1 {
			t.Errorf("it has %d instances; want 1", n)
		}
	})
	t.Run("we ask it and fetch", func(t *testing.T) {
		for n, way := range map[int]exchange.Way{6: exchange.ByGet, 7: exchange.ByMove} {
			study := fmt.Sprintf("1.2.%d", n)
			o.put(twin(t, ctSample, study, study+".1", study+".1.1", "20261118"))
			found, err := l.Search(ctx, at, "ORTHANC", exchange.Search{Study: uid.Must(study)})
			check(t, err)
			if len(found) != 1 || found[0].Instances != 1 {
				t.Errorf("found %+v", found)
			}
			used, err := l.Fetch(ctx, at, "ORTHANC", exchange.Wanted{Study: uid.Must(study), Whole: true}, way, func(int) error { return nil })
			check(t, err)
			s, err := b.h.Archive.Study(ctx, at, uid.Must(study))
			check(t, err)
			if used != way || s.InstanceCount != 1 {
				t.Errorf("by %q came %d instances; want 1 by %q", used, s.InstanceCount, way)
			}
		}
	})
	t.Run("we migrate from it", func(t *testing.T) {
		for n := range 3 {
			study := fmt.Sprintf("1.2.1%d", n)
			for i := range n + 1 {
				o.put(twin(t, ctSample, study, study+".1", fmt.Sprintf("%s.1.%d", study, i), fmt.Sprintf("2025010%d", n+1)))
			}
		}
		id, err := b.h.Exchange.Migrate(ctx, access.Local, exchange.Migration{Site: at, Peer: "ORTHANC", First: "20250101", Last: "20250105", AtOnce: 2, AnHour: 100})
		check(t, err)
		eventually(t, "the migration", func() bool {
			m, err := b.h.Exchange.Migration(ctx, at, id)
			check(t, err)
			return m.State == exchange.Done
		})
		tallies, err := b.h.Exchange.Tallies(ctx, id)
		check(t, err)
		if len(tallies) != 1 || tallies[0].State != exchange.StudyVerified || tallies[0].Studies != 3 || tallies[0].Here != 6 {
			t.Errorf("it came to %+v; want 3 studies of 6 instances verified", tallies)
		}
	})
}

// keep puts a file into the archive.
func (b *library) keep(ctx context.Context, name string) {
	b.Helper()
	f, err := os.Open(name)
	check(b.T, err)
	defer f.Close()
	receipt, err := b.h.Archive.Receive(ctx, archive.Arrival{Site: at, Actor: access.Local, Door: "import", Part10: true, Data: f})
	check(b.T, err)
	_, err = receipt.Wait(ctx)
	check(b.T, err)
}
