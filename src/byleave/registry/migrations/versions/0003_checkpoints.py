"""Checkpoints of the log: one root for a size, ever."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# A note may gain signatures; what it says of the log may not change, and no checkpoint goes.
ONE_ROOT = """
CREATE FUNCTION checkpoints_one_root() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (NEW.size, NEW.root, NEW.signed_at) = (OLD.size, OLD.root, OLD.signed_at)
            AND starts_with(NEW.note, split_part(OLD.note, E'\\n\\n', 1) || E'\\n\\n')
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'a checkpoint never changes' USING ERRCODE = 'restrict_violation';
END;
$$;
CREATE TRIGGER checkpoints_one_root BEFORE UPDATE OR DELETE ON checkpoints
    FOR EACH ROW EXECUTE FUNCTION checkpoints_one_root();
"""


def upgrade() -> None:
    op.create_table(
        "checkpoints",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("size >= 0", name="ck_checkpoints_size"),
        sa.CheckConstraint("octet_length(root) = 32", name="ck_checkpoints_root"),
        sa.PrimaryKeyConstraint("size", name="pk_checkpoints"),
    )
    op.execute(ONE_ROOT)


def downgrade() -> None:
    op.drop_table("checkpoints")
    op.execute("DROP FUNCTION checkpoints_one_root()")
