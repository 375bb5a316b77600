"""The search index. Created by SQL (migration 0002): partitions and vector types are PostgreSQL's own."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone
from pgvector.django import HalfVectorField, SparseVectorField

# Terms are hashed into this many dimensions of the lexical vectors.
TERM_SPACE = 1 << 20


class Chunk(models.Model):
    """The dense leg: nothing wide stands beside the vector. Partitioned by tenant."""

    id = models.BigIntegerField(primary_key=True)
    tenant_id = models.UUIDField()
    version = models.ForeignKey("retrieval.DocumentVersion", on_delete=models.DO_NOTHING, related_name="+")
    embedding = HalfVectorField()

    class Meta:
        managed = False
        db_table = "retrieval_chunk"

    def __str__(self) -> str:
        return f"chunk {self.pk}"


class ChunkLexeme(models.Model):
    """The lexical leg: term ids for candidates, BM25 term weights for scores."""

    chunk_id = models.BigIntegerField(primary_key=True)
    tenant_id = models.UUIDField()
    version = models.ForeignKey("retrieval.DocumentVersion", on_delete=models.DO_NOTHING, related_name="+")
    terms = ArrayField(models.IntegerField())
    weights = SparseVectorField(dimensions=TERM_SPACE)

    class Meta:
        managed = False
        db_table = "retrieval_chunk_lexeme"

    def __str__(self) -> str:
        return f"lexemes of chunk {self.pk}"


class ChunkText(models.Model):
    """The words of a chunk, and where they stand. Read for the few chunks that were permitted."""

    chunk_id = models.BigIntegerField(primary_key=True)
    tenant_id = models.UUIDField()
    version = models.ForeignKey("retrieval.DocumentVersion", on_delete=models.DO_NOTHING, related_name="+")
    ordinal = models.IntegerField()
    body = models.TextField()
    heading = models.TextField()
    page = models.IntegerField(null=True)
    section = models.IntegerField()  # chunks of one section have the same number
    regions = models.JSONField(null=True)  # see `ingestion.parsed.Region`
    start_char = models.IntegerField()
    end_char = models.IntegerField()
    digest = models.BinaryField()
    # Title, headings and header of a table, as they stood before the body when it was embedded. Null for
    # chunks from before this was kept.
    context = models.TextField(null=True)  # noqa: DJ001  (nothing stood before it is another thing)

    class Meta:
        managed = False
        db_table = "retrieval_chunk_text"

    def __str__(self) -> str:
        return f"text of chunk {self.pk}"


class LexemeFrequency(models.Model):
    """In how many chunks of one tenant a term stands. Per tenant, so that no frequency leaks across."""

    pk = models.CompositePrimaryKey("tenant_id", "term")
    tenant_id = models.UUIDField()
    term = models.IntegerField()
    chunks = models.IntegerField()

    class Meta:
        managed = False
        db_table = "retrieval_lexeme_frequency"

    def __str__(self) -> str:
        return f"frequency of term {self.term}"


class EmbeddingSpace(models.Model):
    """The one encoder this index was built with; another one is refused, not mixed in."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    name = models.CharField(max_length=200)
    dimensions = models.PositiveSmallIntegerField()

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="embedding_space_single")]

    def __str__(self) -> str:
        return f"{self.name} ({self.dimensions})"


class Reembedding(models.Model):
    """The one re-embedding there may be: how far it is, and what the index came from."""

    class State(models.TextChoices):
        FILLING = "filling"  # `retrieval_chunk_next` is built beside the index, and written together with it
        SWITCHED = "switched"  # it is the index now, and the one before is kept as `retrieval_chunk_old`

    id = models.SmallIntegerField(primary_key=True, default=1)
    state = models.CharField(max_length=8, choices=State.choices, default=State.FILLING)
    name = models.CharField(max_length=200)
    dimensions = models.PositiveSmallIntegerField()
    previous_name = models.CharField(max_length=200)
    previous_dimensions = models.PositiveSmallIntegerField()
    started_at = models.DateTimeField(default=timezone.now)
    switched_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="reembedding_single")]

    def __str__(self) -> str:
        return f"{self.previous_name} to {self.name}, {self.state}"
