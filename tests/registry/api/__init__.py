"""Operations as they are served."""
