"""People who sign in to the console, their roles, sessions and attempts.

Revision ID: 0012_console
Revises: 0009_traces
"""

import sqlalchemy as sa
from alembic import op

revision = "0012_console"
down_revision = "0009_traces"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
NOW = sa.text("now()")


def upgrade() -> None:
    op.create_table(
        "console_users",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("login_key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("must_change", sa.Boolean(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, server_default=NOW, nullable=False),
        sa.Column("disabled_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_console_users")),
        sa.UniqueConstraint("login_key", name=op.f("uq_console_users_login_key")),
    )
    op.create_table(
        "console_roles",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "role IN ('viewer', 'operator', 'admin')", name=op.f("ck_console_roles_role")
        ),
        sa.ForeignKeyConstraint(
            ["company_id"], ["companies.company_id"], name=op.f("fk_console_roles_company_id")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["console_users.user_id"], name=op.f("fk_console_roles_user_id")
        ),
        sa.PrimaryKeyConstraint("company_id", "user_id", name=op.f("pk_console_roles")),
    )
    op.create_index("ix_console_roles_user", "console_roles", ["user_id"])
    op.create_table(
        "console_sessions",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", INSTANT, server_default=NOW, nullable=False),
        sa.Column("last_seen_at", INSTANT, server_default=NOW, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id"], ["companies.company_id"], name=op.f("fk_console_sessions_company_id")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["console_users.user_id"], name=op.f("fk_console_sessions_user_id")
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_console_sessions")),
    )
    op.create_index(op.f("ix_console_sessions_user_id"), "console_sessions", ["user_id"])
    op.create_index(op.f("ix_console_sessions_expires_at"), "console_sessions", ["expires_at"])
    op.create_table(
        "console_sign_ins",
        sa.Column("sign_in_id", sa.Uuid(), nullable=False),
        sa.Column("login_key", sa.Text(), nullable=False),
        sa.Column("attempted_at", INSTANT, server_default=NOW, nullable=False),
        sa.Column("succeeded", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("sign_in_id", name=op.f("pk_console_sign_ins")),
    )
    op.create_index(op.f("ix_console_sign_ins_attempted_at"), "console_sign_ins", ["attempted_at"])
    op.create_index("ix_console_sign_ins_login", "console_sign_ins", ["login_key", "attempted_at"])


def downgrade() -> None:
    for table in ("console_sign_ins", "console_sessions", "console_roles", "console_users"):
        op.drop_table(table)
