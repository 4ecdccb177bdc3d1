package keyset

import (
	"errors"
	"net/url"
)

// cause returns err without the address that net/http quotes in it.
func cause(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
