"""The provider's pages: `/staff/…`, for users with `is_staff`."""
