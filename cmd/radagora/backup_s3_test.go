package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"radagora/blob/s3/s3test"
)

// TestBackupInAnObjectStore goes by command the way of somebody whose backups and packs
// are in object stores: made, killed, verified, restored with the packs in the backup
// and with packs that it only names, and told which of both it was.
func TestBackupInAnObjectStore(t *testing.T) {
	slow(t)
	addr, dir := s3test.Server(t, t.TempDir(), "")
	to, packs := s3test.Place(t, addr, dir), s3test.Place(t, addr, dir)
	data, identity, recipients := kept(t)
	for name, value := range map[string]string{
		"RADAGORA_BACKUP_TO": to.String(), "RADAGORA_BACKUP_TO_KEY": s3test.Key, "RADAGORA_BACKUP_TO_SECRET": s3test.Secret,
	} {
		t.Setenv(name, value)
	}
	run := []string{"backup", "run", "--data", data, "--backup-recipient", recipients[0], "--backup-recipient", recipients[1]}
	killed(t, upTo(300e6), run...)
	said := command(t, exitDone, run...)
	if strings.Contains(said, "not in it") || !strings.Contains(said, "signed by ") {
		t.Errorf("said %q", said)
	}
	_, signer, _ := strings.Cut(strings.TrimSpace(said), "signed by ")
	said = command(t, exitDone, "backup", "verify", "--data", data, "--identity", identity)
	if !strings.Contains(said, "each with its object") || strings.Contains(said, "names them and does not hold") {
		t.Errorf("verified: %s", said)
	}
	if said := command(t, exitDone, "restore", "--from", to.String(), "--data", filepath.Join(t.TempDir(), "x"), "--identity", identity, "--signer", signer, "--verify"); !strings.Contains(said, "ready:") {
		t.Errorf("restored: %s", said)
	}

	// From here on new packs are in another bucket.
	for name, value := range map[string]string{"RADAGORA_BLOBS": packs.String(), "RADAGORA_BLOBS_KEY": s3test.Key, "RADAGORA_BLOBS_SECRET": s3test.Secret} {
		t.Setenv(name, value)
	}
	file := filepath.Join(t.TempDir(), "late.dcm")
	late, err := reportMaker{patient: "LATE^ARRIVAL", id: "LA-1", day: "20260302"}.file("study late", "late", "100", []string{"late:10:100"})
	check(t, err)
	check(t, os.WriteFile(file, late, 0o600))
	command(t, exitDone, "import", "--data", data, file)
	said = command(t, exitDone, run...)
	if !strings.Contains(said, "not in it: 1 packs in "+packs.String()) {
		t.Errorf("said %q", said)
	}
	said = command(t, exitDone, "backup", "verify", "--data", data, "--identity", identity)
	if !strings.Contains(said, "not proved: 1 packs in "+packs.String()) {
		t.Errorf("verified: %s", said)
	}
	restored := filepath.Join(t.TempDir(), "y")
	said = command(t, exitDone, "restore", "--from", to.String(), "--data", restored, "--identity", identity, "--verify")
	if !strings.Contains(said, "not in it: 1 packs in ") {
		t.Errorf("restored: %s", said)
	}
	command(t, exitDone, "check", "--data", restored) // with the store of the packs

	t.Setenv("RADAGORA_BACKUP_BLOBS", "true")
	if said := command(t, exitDone, run...); strings.Contains(said, "not in it") {
		t.Errorf("said %q", said)
	}
	for _, name := range []string{"RADAGORA_BLOBS", "RADAGORA_BLOBS_KEY", "RADAGORA_BLOBS_SECRET"} {
		t.Setenv(name, "")
	}
	alone := filepath.Join(t.TempDir(), "z")
	command(t, exitDone, "restore", "--from", to.String(), "--data", alone, "--identity", identity, "--verify")
	command(t, exitDone, "check", "--data", alone) // without it

	t.Setenv("RADAGORA_BACKUP_TO_SECRET", "wrong")
	command(t, exitFailed, "backup", "verify", "--data", data)
	t.Setenv("RADAGORA_BACKUP_TO_SECRET", "")
	command(t, exitUsage, run...)
	t.Setenv("RADAGORA_BACKUP_TO_SECRET", s3test.Secret)
	same := to
	same.Prefix += "/backups"
	t.Setenv("RADAGORA_BLOBS", to.String())
	t.Setenv("RADAGORA_BACKUP_TO", same.String())
	command(t, exitUsage, run...) // among the packs
}
