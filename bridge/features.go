package bridge

import (
	"context"
	"errors"
	"fmt"

	"blfbridge/bridge/admin"
	"blfbridge/bridge/sipua"
	"blfbridge/bridge/store"
	"blfbridge/policy"
)

// dialled is who did what a phone dialled, in the trail.
const dialled = "phone"

// dialledFeatures is extension mobility as phones dial it.
type dialledFeatures struct{ k *policyKeeper }

// LogIn implements sipua.Features.
func (f dialledFeatures) LogIn(ctx context.Context, phone policy.PhoneRef, what string) error {
	_, _, err := f.k.LogInDialled(ctx, phone, what, dialled)
	var wait *admin.WaitError
	if errors.As(err, &wait) {
		return fmt.Errorf("%w: %w", sipua.ErrTooManyTries, err)
	}
	return asUnavailable(err)
}

// LogOut implements sipua.Features.
func (f dialledFeatures) LogOut(ctx context.Context, phone policy.PhoneRef) error {
	_, err := f.k.LogOut(ctx, phone, dialled)
	if errors.Is(err, policy.ErrNotLoggedIn) {
		return nil
	}
	return asUnavailable(err)
}

// asUnavailable says of a store that is away that the phone may try later.
func asUnavailable(err error) error {
	if errors.Is(err, store.ErrAway) {
		return fmt.Errorf("%w: %w", sipua.ErrUnavailable, err)
	}
	return err
}
