//go:build !linux

package postgres

import "syscall"

// owner returns nil: away from Linux the server runs as the caller.
func owner(string) (*syscall.Credential, error) { return nil, nil }

func as(*syscall.Credential) *syscall.SysProcAttr { return nil }
